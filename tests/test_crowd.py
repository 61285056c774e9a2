"""Does the collector of cycles rest while many torrents come, and only then?"""

import gc

from torrent.crowd import LONGEST, MANY, Crowd


def test_the_collector_of_cycles_rests_while_many_come_and_no_longer():
    crowd = Crowd()
    with crowd:
        crowd.expect(MANY - 1)
        assert gc.isenabled()
        with crowd:
            crowd.expect(MANY)
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with crowd:
        crowd.expect(MANY)
        for _ in range(LONGEST):
            assert not gc.isenabled()
            crowd.tick()
        crowd.expect(MANY)  # whatever has to be hashed, others transfer meanwhile
        assert gc.isenabled()
    with crowd:
        crowd.expect(MANY)
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_collector_that_the_application_turned_off_stays_off():
    gc.disable()
    try:
        crowd = Crowd()
        with crowd:
            crowd.expect(MANY)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_where_files_have_to_be_hashed_it_goes_on():
    crowd = Crowd()
    with crowd:
        crowd.expect(MANY)
        crowd.hashing()
        crowd.expect(MANY)
        assert gc.isenabled()
    with crowd:
        crowd.expect(MANY)
        assert not gc.isenabled()
