"""Do a thousand announces become a few at a time, and does no tracker hold up the others?"""

import random

from torrent.swarm.desk import IN_VAIN, Desk


def test_no_more_go_than_may():
    desk = Desk(most=5, most_each=3)
    for number in range(10):
        desk.enter(number, "a")
    assert desk.next() == [0, 1, 2] and desk.next() == []
    assert desk.leave(1, answered=True) == []
    assert desk.next() == [3]
    assert (len(desk), desk.waiting) == (3, 6)


def test_one_tracker_does_not_hold_the_places_of_others_and_all_take_turns():
    desk = Desk(most=6, most_each=4)
    for number in range(10):
        desk.enter(("a", number), "a")
    desk.enter(("b", 0), "b")
    desk.enter(("c", 0), "c")
    assert sorted(name for name, _ in desk.next()) == ["a", "a", "a", "a", "b", "c"]


def test_last_words_go_first():
    desk = Desk(most=1)
    for number in range(3):
        desk.enter(number, "a")
    desk.enter("bye", "a", first=True)
    assert desk.next() == ["bye"]


def test_who_steps_out_is_not_called():
    desk = Desk(most=1)
    desk.enter(1, "a")
    desk.enter(2, "a")
    assert desk.next() == [1]
    assert desk.withdraw(2) and not desk.withdraw(2) and not desk.withdraw(1)
    desk.leave(1)
    assert desk.next() == []


def test_a_line_before_a_tracker_that_never_answers_is_sent_home():
    desk = Desk(most=50, most_each=20)
    for number in range(100):
        desk.enter(number, "dead")
    going = desk.next()
    home = [desk.leave(ticket, answered=False) for ticket in going]
    assert [len(some) for some in home] == [0] * (IN_VAIN - 1) + [80] + [0] * (20 - IN_VAIN)
    assert desk.waiting == 0 == len(desk)
    desk.enter("again", "dead")
    assert desk.next() == ["again"]


def test_an_answer_in_between_keeps_the_line():
    desk = Desk(most=1)
    for number in range(100):
        desk.enter(number, "slow")
    for turn in range(99):
        (ticket,) = desk.next()
        assert desk.leave(ticket, answered=turn % (IN_VAIN - 1) == 0) == []


def test_an_announce_that_was_broken_off_says_nothing_about_the_tracker():
    desk = Desk(most=1)
    for number in range(30):
        desk.enter(number, "a")
    for _ in range(29):
        assert desk.leave(desk.next()[0]) == []


def test_leaving_twice_or_unknown_is_nothing():
    desk = Desk()
    desk.enter(1, "a")
    desk.next()
    desk.leave(1)
    assert desk.leave(1) == [] == desk.leave("nobody")
    assert len(desk) == 0


def test_nothing_is_kept_of_trackers_that_answer():
    desk = Desk()
    for number in range(100):
        desk.enter(number, f"tracker {number}")
        (ticket,) = desk.next()
        desk.leave(ticket, answered=True)
    assert not desk._trackers


def test_at_random_the_limits_hold_and_everybody_goes_once():
    rng = random.Random(3)
    desk = Desk(most=7, most_each=3)
    running, gone, entered = {}, [], 0
    for _ in range(5000):
        match rng.randrange(3):
            case 0:
                desk.enter(entered, f"t{rng.randrange(5)}")
                entered += 1
            case 1 if running:
                ticket = rng.choice(list(running))
                del running[ticket]
                assert desk.leave(ticket, answered=True) == []
            case _:
                for ticket in desk.next():
                    running[ticket] = desk._running[ticket]
                    gone.append(ticket)
        assert len(running) == len(desk) <= 7
        assert max((list(running.values()).count(name) for name in running.values()), default=0) <= 3
    assert len(set(gone)) == len(gone) and len(gone) + desk.waiting == entered
