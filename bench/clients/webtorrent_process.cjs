// webtorrent for one torrent, off the DHT and trackers: {"torrent", "folder", "peers": ["host:port"], "stay"}.
// Tells `listening` with its port and `done` in JSON lines; with `stay` it serves until it is killed.
const WebTorrent = require('webtorrent')

const asked = JSON.parse(process.argv[2])
const say = (type, more) => process.stdout.write(JSON.stringify({ type, ...more }) + '\n')
const fail = error => { say('error', { error: String(error) }); process.exit(1) }

const quiet = { dht: false, lsd: false, tracker: false, utp: false, utPex: false, natUpnp: false, natPmp: false }
const client = new WebTorrent({ ...quiet, maxConns: 200 })
client.on('error', fail)
const torrent = client.add(asked.torrent, { path: asked.folder, announce: [] })
torrent.on('infoHash', () => asked.peers.forEach(peer => torrent.addPeer(peer)))
torrent.on('done', () => {
  say('done')
  if (!asked.stay) client.destroy(() => process.exit(0))
})
const timer = setInterval(() => {
  if (!client.torrentPort) return
  say('listening', { port: client.torrentPort })
  clearInterval(timer)
}, 5)
