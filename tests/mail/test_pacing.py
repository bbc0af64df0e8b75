"""Slots, starts and closed doors of one host, without a clock and without sockets."""

from hypothesis import given
from hypothesis import strategies as st

from vizsla.mail.pacing import BLOCKED_FOR, DOWN_FIRST, DOWN_MOST, Lane, Lanes, Pace, Slot

PACE = Pace(sessions=5, start_rate=2.0, burst=4)


def spoken(pace: Pace = PACE) -> Lane:
    lane = Lane(pace, 0.0)
    lane.spoke(0.0)
    return lane


def test_a_host_gets_all_its_sessions_once_it_has_spoken() -> None:
    lane = Lane(PACE, 0.0)
    assert lane.allowed == 1
    lane.start(0.0)
    assert lane.wait(0.0) is None
    lane.spoke(0.0)
    assert lane.allowed == 5
    assert lane.wait(0.0) == 0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_more_sessions_start_than_burst_and_rate_allow(pauses: list[float]) -> None:
    lane, now, started = spoken(Pace(sessions=1_000, start_rate=2.0, burst=4)), 0.0, 0
    for pause in pauses:
        now += pause
        while lane.wait(now) == 0:
            lane.start(now)
            started += 1

    assert started <= 4 + 2.0 * now + 1e-6


def test_waiting_for_as_long_as_it_says_is_enough() -> None:
    lane, now = spoken(), 0.0
    for _ in range(20):
        wait = lane.wait(now)
        assert wait is not None
        now += wait + 1e-9
        assert lane.wait(now) == 0
        lane.start(now)
        lane.end(now)
    assert 7 < now < 9


def test_busy_halves_and_good_answers_bring_it_back() -> None:
    lane = spoken()
    lane.judge("busy", 0.0, whole_host=False)
    lane.judge("busy", 0.5, whole_host=False)
    assert lane.allowed == 2
    lane.judge("busy", 1.0, whole_host=False)
    lane.judge("busy", 2.0, whole_host=False)
    assert lane.allowed == 1
    assert (lane.wait(0.0) or 0) > 1
    for _ in range(100):
        lane.judge("fine", 0.0, whole_host=False)
    assert lane.allowed == 5


def test_turned_away_three_times_it_is_closed_and_longer_with_every_knock_that_is_turned_away() -> None:
    lane = spoken()
    for _ in range(3):
        assert lane.closed(0.0) is None
        lane.judge("busy", 0.0, whole_host=True, details="421 busy")
    now = 0.0
    for seconds in (4, 6, 9, 13.5, 20.25, 30.375, 45.5625, 60, 60):
        closed = lane.closed(now + seconds - 1)
        assert closed
        assert (closed.reason, closed.details) == ("busy", "421 busy")
        now += seconds + 1
        assert lane.closed(now) is None
        lane.judge("busy", now, whole_host=True, details="421 busy")


def test_one_may_knock_as_soon_as_a_closed_host_is_open_again() -> None:
    lane = spoken()
    for _ in range(3):
        lane.start(0.0)
        lane.judge("busy", 0.0, whole_host=True)
        lane.end(0.0)
    assert lane.closed(3.0)
    assert lane.wait(3.0) != 0
    assert lane.closed(4.0) is None
    assert lane.wait(4.0) == 0
    lane.start(4.0)
    lane.end(4.0)
    wait = lane.wait(4.0)
    assert wait is not None
    assert wait > 2


def test_sessions_start_every_few_seconds_once_a_busy_host_takes_them_again() -> None:
    lane = spoken()
    for _ in range(8):
        lane.judge("busy", 0.0, whole_host=True)
    assert lane.closed(31.0) is None
    for _ in range(2):
        lane.start(31.0)
        lane.judge("fine", 31.0, whole_host=True)
        lane.end(31.0)
    wait = lane.wait(31.0)
    assert wait is not None
    assert 1 < wait < 3


def test_a_good_answer_makes_a_busy_host_one_like_any_other() -> None:
    lane = spoken()
    for _ in range(5):
        lane.judge("busy", 0.0, whole_host=True)
    assert lane.closed(5.0)
    lane.judge("fine", 30.0, whole_host=True)
    lane.judge("busy", 30.0, whole_host=True)
    lane.judge("busy", 30.0, whole_host=True)
    assert lane.closed(30.0) is None
    lane.judge("busy", 30.0, whole_host=True)
    assert lane.closed(33.0)
    assert lane.closed(35.0) is None


def test_one_mailbox_that_refuses_us_does_not_close_the_host() -> None:
    lane = spoken()
    for _ in range(10):
        lane.judge("block", 0.0, whole_host=False)
        lane.judge("block", 0.0, whole_host=False)
        lane.judge("fine", 0.0, whole_host=False)
    assert lane.closed(0.0) is None
    lane.judge("block", 0.0, whole_host=True)
    assert lane.closed(BLOCKED_FOR - 1)
    assert lane.closed(BLOCKED_FOR + 1) is None


def test_a_silent_host_is_asked_ever_less() -> None:
    lane, now, pauses = spoken(), 0.0, []
    lane.silent(now, "timeout")
    for _ in range(6):
        lane.silent(now, "timeout")
        closed = lane.closed(now)
        assert closed
        pauses.append(closed.until - now)
        now = closed.until
    assert pauses[0] == DOWN_FIRST
    assert pauses == sorted(pauses)
    assert pauses[-1] == DOWN_MOST


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.booleans(), st.booleans()), max_size=200))
def test_all_slots_come_back_and_the_silent_never_have_more_than_half(events: list[tuple[str, bool, bool]]) -> None:
    lanes, held, now = Lanes(sessions=6, limit=4), [], 0.0
    for ip, speaks, ends in events:
        now += 0.1
        lane = lanes.lane(ip, PACE, now)
        if lane.wait(now) == 0 and lanes.has_room(lane):
            slot = lanes.start(lane, now)
            held.append((lane, slot))
            if speaks:
                lanes.greeted(lane, slot, now)
        assert len(held) <= 6
        assert sum(slot.unproven for _, slot in held) <= 3
        assert len(lanes) <= 4 + 6
        if ends and held:
            lanes.end(*held.pop(0), now)
    for lane, slot in held:
        lanes.end(lane, slot, now)
    assert all(lane.idle for lane, _ in held)
    assert isinstance(lanes.start(Lane(PACE, now), now), Slot)


def test_hosts_beyond_the_limit_are_forgotten() -> None:
    lanes = Lanes(limit=100)
    for index in range(10_000):
        lanes.lane(f"10.0.{index // 256}.{index % 256}", PACE, 0.0)
    assert len(lanes) == 100
