"""A log that nobody reads must stop nobody."""

import asyncio
import json
import os
import time
from io import StringIO

from vizsla.api.journal import Journal


async def test_a_pipe_that_is_read_no_more_stops_nothing_and_loses_no_half_line() -> None:
    out, into = os.pipe()
    os.set_blocking(out, False)
    with os.fdopen(out, "rb", buffering=0) as reader, os.fdopen(into, "w") as stream:
        journal = Journal(stream)
        began = time.monotonic()
        for number in range(20_000):
            journal.event("e", number=number, text="x" * 100)
        journal.flush()
        assert time.monotonic() - began < 5

        text = b""
        async with asyncio.timeout(10):
            while journal._waiting:
                text += reader.read(1 << 20) or b""
                await asyncio.sleep(0.001)
        journal.event("last")
        journal.flush()
        text += reader.read(1 << 20)

    *lines, told, last = [json.loads(line) for line in text.splitlines()]
    assert [line["number"] for line in lines] == list(range(20_000 - told["dropped"]))
    assert 5_000 < len(lines) < 20_000
    assert (told["event"], last["event"]) == ("log", "last")


async def test_lines_are_written_soon_and_together() -> None:
    stream = StringIO()
    journal = Journal(stream)
    journal.event("one")
    journal.event("two", text="a\nb")
    assert stream.getvalue() == ""
    async with asyncio.timeout(5):
        while not stream.getvalue():
            await asyncio.sleep(0.05)

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["one", "two"]


async def test_a_stream_that_is_gone_is_forgotten() -> None:
    out, into = os.pipe()
    os.close(out)
    with os.fdopen(into, "w") as stream:
        journal = Journal(stream)
        journal.event("lost")
        journal.flush()
        journal.flush()
