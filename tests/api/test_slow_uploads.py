"""Who sends a file slowly, or one that takes long to read, is waited for alone."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, BinaryIO

import pytest

from api.conftest import Api
from vizsla.api.v2 import bulk_findings, leads_files


async def test_strangers_who_send_slowly_keep_nobody_waiting(api: Api) -> None:
    async def drip() -> dict[str, Any]:
        if first:
            return {"type": "http.request", "body": first.pop(), "more_body": True}
        await asyncio.Event().wait()
        return {}

    async def nothing(message: Any) -> None:
        raise AssertionError(message)

    first = [b"email\n"] * 12
    headers = [(b"content-type", b"text/csv"), (b"content-length", b"900000")]
    scope = {"type": "http", "method": "POST", "path": "/v2/leads/imports", "raw_path": b"", "query_string": b"", "client": ("1.2.3.4", 1)}  # fmt: skip
    slow = [asyncio.create_task(api.app({**scope, "headers": headers, "scheme": "http"}, drip, nothing)) for _ in first]
    for _ in range(20):
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        taken = await api(
            "POST", "/v2/leads/imports", key=api.a, body=b"email\na@b.example\n", headers={"Content-Type": "text/csv"}
        )
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)

    assert taken.status == 201
    assert first == []


@pytest.mark.parametrize(
    ("module", "name", "path"),
    [(leads_files, "read", "/v2/leads/imports"), (bulk_findings, "open_people", "/v2/bulk/findings")],
)
async def test_while_a_file_is_read_others_read_and_write(
    api: Api, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, path: str
) -> None:
    others_are_done, really = threading.Event(), getattr(module, name)

    def slow(file: BinaryIO, **more: Any) -> Callable[..., Any]:
        assert others_are_done.wait(20)
        return really(file, **more)

    monkeypatch.setattr(module, name, slow)
    body = b"email,full_name,domain\na@b.example,Ann Bee,b.example\n"
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "once"}
    reading = asyncio.create_task(api("POST", path, key=api.a, body=body, headers=headers))
    await asyncio.sleep(0.05)
    written = await api("POST", "/v2/leads", key=api.b, json={"email": "c@d.example"})
    others_are_done.set()

    assert written.status == 201
    assert (await reading).status == 201
    assert (await api("POST", path, key=api.a, body=body, headers=headers)).headers["idempotent-replayed"] == "true"
