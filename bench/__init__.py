"""How fast are we beside libtorrent? `python -m bench` runs both in turn and prints the ratios.

Nothing here is absolute: on a shared machine only the ratio of two runs made one after the other says anything, so each
pair is one run of ours and one of theirs under the same other side, the order changes from pair to pair, and what is
printed is the median of the ratios with the smallest and the largest.
"""
