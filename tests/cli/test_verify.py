"""`vizsla verify`: what a person at the terminal sees of one address, and what a script does."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from cli.conftest import Ran
from worlds.dns import dns
from worlds.smtp import AcceptsAll, Greylists, Script, smtp

Run = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    """`await run("verify", "ada@good.test")` beside `good.test`, `any.test`, `grey.test`; `gone.test` does not exist."""
    async with AsyncExitStack() as stack:
        world, port = await stack.enter_async_context(dns()), 0
        world.zone("test")
        world.add("probe.vizsla.test", "A", "127.0.0.1")
        world.add("1.0.0.127.in-addr.arpa", "PTR", "probe.vizsla.test")
        for number, (name, script) in enumerate(
            {"good": Script(), "any": AcceptsAll(), "grey": Greylists()}.items(), 40
        ):
            world.add(f"{name}.test", "MX", (10, f"mx.{name}.test"))
            world.add(f"mx.{name}.test", "A", f"127.0.0.{number}")
            port = (await stack.enter_async_context(smtp(script, f"127.0.0.{number}", port))).port
        environment = {
            **os.environ,
            "VIZSLA_HOME": str(tmp_path / "home"),
            "VIZSLA_PROBE": "on",
            "VIZSLA_DNS_SERVERS": world.server,
            "VIZSLA_SMTP_PORT": str(port),
            "VIZSLA_EGRESS_ALLOW": "127.0.0.0/8",
            "VIZSLA_HELO_NAME": "probe.vizsla.test",
            "VIZSLA_MAIL_FROM": "probe@vizsla.test",
        }

        async def call(*arguments: str, **variables: str) -> Ran:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "vizsla.cli.main", *arguments, env={**environment, **variables},
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, talk = await asyncio.wait_for(process.communicate(), 60)
            return Ran(process.returncode or 0, out.decode(), talk.decode())

        yield call


async def test_addresses_are_shown_in_a_table_with_the_reason(run: Run) -> None:
    ran = await run("verify", "Ada@good.test", "nobody@good.test", "who@any.test", "who@gone.test", "me@mailinator.com")

    assert (ran.code, ran.talk) == (0, "")
    head, *rows = [line.split("\t") for line in ran.out.splitlines()]
    assert head == ["address", "status", "score", "why"]
    assert [row[:2] for row in rows] == [
        ["ada@good.test", "valid"],
        ["nobody@good.test", "invalid"],
        ["who@any.test", "accept_all"],
        ["who@gone.test", "invalid"],
        ["me@mailinator.com", "disposable"],
    ]
    assert all(row[2].isdecimal() and row[3].endswith(".") for row in rows)


async def test_verbose_shows_the_evidence_and_json_has_it(run: Run) -> None:
    ran = await run("verify", "ada@good.test", "-v")
    again = await run("verify", "ada@good.test", "-v", "--json")

    assert ran.code == again.code == 0
    for said in (
        "MX good.test",
        "mx.good.test",
        "127.0.0.40",
        "220 mx.test",
        "RCPT TO:<ada@good.test>",
        "250 2.1.5 Ok",
    ):
        assert said in ran.out
    (one,) = json.loads(again.out)
    assert (one["status"], one["reason"], one["regexp"], one["sources"]) == ("valid", "accepted", True, [])
    # What holds is not asked about again: it is the evidence of the first time.
    assert [step["did"] for step in one["steps"] if step["stage"] == "smtp"].count("RCPT TO:<ada@good.test>") == 1
    assert all({"at", "stage", "did"} <= set(step) for step in one["steps"])


async def test_what_a_server_puts_off_is_pending_and_said_so_at_once(run: Run) -> None:
    ran = await run("verify", "ada@grey.test", "--wait", "30")
    (one,) = json.loads((await run("verify", "ada@grey.test", "--json", "--wait", "1")).out)

    assert ran.code == 1
    assert "pending" in ran.out
    assert "UTC" in ran.out
    assert "One address is pending" in ran.talk
    assert (one["status"], one["next_try_at"][-3:]) == ("pending", "UTC")


async def test_without_leave_to_probe_dns_alone_is_asked(run: Run) -> None:
    ran = await run("verify", "ada@good.test", "ada@gone.test", VIZSLA_PROBE="off")

    assert ran.code == 0
    assert [line.split("\t")[1] for line in ran.out.splitlines()[1:]] == ["unknown", "invalid"]
    assert "VIZSLA_PROBE" in ran.talk


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Name at least one address"),
        (["nobody"], "'nobody': The supplied email is invalid."),
        (["a@b@c.test"], "invalid"),
        (["ada@good.test", "--wait", "-1"], "--wait must be between"),
        (["ada@good.test", "--out", "x.csv"], "--file"),
    ],
)
def test_what_cannot_be_done_is_a_sentence(vizsla: Callable[..., Ran], arguments: list[str], sentence: str) -> None:
    ran = vizsla("verify", *arguments)

    assert (ran.code, ran.out) == (1, "")
    assert sentence in ran.talk
    assert "Traceback" not in ran.talk


def test_who_said_stop_is_not_verified(vizsla: Callable[..., Ran]) -> None:
    assert vizsla("claim", "add", "ada@good.test").code == 0
    ran = vizsla("verify", "ada@good.test")

    assert (ran.code, ran.out) == (1, "")
    assert "ada@good.test" in ran.talk
