"""No second outside of the window is ever given out, and none inside is passed over: checked second by second against the zone itself."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vizsla.campaigns.window import (
    DAY,
    EVERY_DAY,
    Window,
    WrongWindow,
    check_window,
    due_of_step,
    is_inside,
    local_day,
    next_slot,
    next_slots,
)

ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago")
CHANGES = {
    # The second at which the clocks of a place change: forward, back; Santiago's at midnight.
    "Europe/Paris": (1_774_746_000, 1_792_890_000),
    "America/New_York": (1_772_953_200, 1_793_512_800),
    "Australia/Lord_Howe": (1_790_955_000, 1_775_314_800),
    "America/Santiago": (1_788_667_200, 1_775_358_000),
}


def at(text: str, zone: str, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp())


def says(second: int, window: Window) -> bool:
    wall = datetime.fromtimestamp(second, ZoneInfo(window.timezone))
    of_day = wall.hour * 3_600 + wall.minute * 60 + wall.second
    return bool(window.days & 1 << (wall.weekday() + 1) % 7) and window.start_second <= of_day < window.end_second


@st.composite
def moments(draw: st.DrawFn) -> tuple[int, Window]:
    zone = draw(st.sampled_from(ZONES))
    near = [change + shift for change in CHANGES.get(zone, (1_780_000_000,)) for shift in (0,)]
    second = draw(st.sampled_from(near)) + draw(st.integers(-3 * DAY, 2 * DAY))
    start = draw(st.integers(0, DAY - 1))
    end = min(DAY, start + draw(st.sampled_from((60, 1_800, 3_600, 9 * 3_600, DAY))))
    return second, Window(zone, draw(st.integers(1, EVERY_DAY)), start, max(end, start + 1))


@settings(max_examples=250, deadline=None)
@given(moments())
@example((at("2026-03-29T01:59:59", "Europe/Paris"), Window("Europe/Paris", EVERY_DAY, 2 * 3_600, 2 * 3_600 + 1_800)))
@example((at("2026-10-25T02:45:00", "Europe/Paris"), Window("Europe/Paris", EVERY_DAY, 2 * 3_600, 2 * 3_600 + 1_800)))
@example((at("2026-10-25T01:00:00", "Europe/Paris"), Window("Europe/Paris", 1, 2 * 3_600, 3 * 3_600)))
def test_the_next_slot_is_the_first_second_inside(given: tuple[int, Window]) -> None:
    second, window = given
    slot = next_slot(second, window)

    assert slot >= second
    assert says(slot, window)
    assert is_inside(slot, window)
    # Every second between is outside: the first, the last, and a close mesh of them.
    between = range(second, slot, max(1, min(59, (slot - second) // 300)))
    assert not any(says(moment, window) for moment in [*between, *range(max(second, slot - 120), slot)])
    assert next_slot(slot, window) == slot


@settings(max_examples=100, deadline=None)
@given(moments(), st.integers(0, 30))
def test_a_step_waits_its_days_and_no_longer_than_to_the_next_slot(given: tuple[int, Window], wait_days: int) -> None:
    sent_at, window = given
    due = due_of_step(sent_at, wait_days, window)

    assert due >= sent_at
    assert says(due, window)
    # Half an hour of Lord Howe's, an hour elsewhere, is what a change of clocks is worth.
    assert due >= sent_at + wait_days * DAY - 3_600
    assert due <= next_slot(sent_at + wait_days * DAY + 3_600, window)


@pytest.mark.parametrize(
    ("asked", "window", "expected"),
    [
        # 02:00 to 03:00 does not exist in Paris on 2026-03-29, so such a window is met the day after.
        ("2026-03-29T00:00:00", (0, 7_200, 9_000), "2026-03-30T02:00:00"),
        # Of 02:30 to 04:00 an hour is left: from 03:00 on.
        ("2026-03-29T00:00:00", (0, 9_000, 14_400), "2026-03-29T03:00:00"),
        # Friday evening waits for Monday.
        ("2026-11-20T18:30:00", (0b011_1110, 32_400, 64_800), "2026-11-23T09:00:00"),
    ],
)
def test_hours_that_the_clock_skips(asked: str, window: tuple[int, int, int], expected: str) -> None:
    days, start, end = window
    found = next_slot(at(asked, "Europe/Paris"), Window("Europe/Paris", days or EVERY_DAY, start, end))

    assert datetime.fromtimestamp(found, ZoneInfo("Europe/Paris")).isoformat()[:19] == expected


def test_an_hour_that_comes_twice_is_inside_twice() -> None:
    window = Window("Europe/Paris", EVERY_DAY, 7_200, 9_000)
    second_pass = at("2026-10-25T02:00:00", "Europe/Paris", fold=1)

    assert next_slot(at("2026-10-25T02:30:00", "Europe/Paris"), window) == second_pass


def test_the_same_time_of_day_across_a_change_of_clocks() -> None:
    window = Window("America/New_York", EVERY_DAY, 0, DAY)
    sent = at("2026-03-07T09:15:00", "America/New_York")

    assert due_of_step(sent, 3, window) == at("2026-03-10T09:15:00", "America/New_York")
    assert due_of_step(sent, 0, window) == sent


def test_a_day_that_a_place_left_out() -> None:
    # Samoa went from Thursday 2011-12-29 to Saturday the 31st.
    fridays = Window("Pacific/Apia", 1 << 5, 0, DAY)

    assert next_slot(at("2011-12-29T12:00:00", "Pacific/Apia"), fridays) == at("2012-01-06T00:00:00", "Pacific/Apia")


def test_slots_keep_their_gap_and_the_hours() -> None:
    window = Window("Europe/Paris", EVERY_DAY, 32_400, 32_400 + 90)
    first = at("2026-11-23T09:00:30", "Europe/Paris")

    assert next_slots(first, window, window, 4, 40) == [first, first + 40, first + DAY - 30, first + DAY + 10]


def test_a_local_day_turns_at_local_midnight() -> None:
    evening = at("2026-11-23T23:59:59", "Australia/Lord_Howe")

    assert local_day(evening + 1, "Australia/Lord_Howe") == local_day(evening, "Australia/Lord_Howe") + 1


@pytest.mark.parametrize(
    "window",
    [("Mars/Olympus", 1, 0, 9), ("Europe/Paris", 0, 0, 9), ("Europe/Paris", 128, 0, 9), ("Europe/Paris", 1, 9, 9), ("../etc", 1, 0, 9),
     ("Europe/Paris", 1, 0, DAY + 1), ("Europe/Paris", 1, -1, 9), ("localtime", 1, 0, DAY), ("Factory", 1, 0, DAY)],
)  # fmt: skip
def test_hours_that_never_come_are_refused(window: tuple[str, int, int, int]) -> None:
    with pytest.raises(WrongWindow):
        check_window(Window(*window))


def test_windows_that_never_meet_have_no_slots() -> None:
    mondays, tuesdays = Window("UTC", 1 << 1, 0, DAY), Window("UTC", 1 << 2, 0, DAY)

    assert next_slots(at("2026-11-23T09:00:30", "UTC"), mondays, tuesdays, 4, 40) == []
