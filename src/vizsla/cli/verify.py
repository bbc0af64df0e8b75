"""`vizsla verify`: is this address deliverable, and how do we know?"""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import Parameter

from vizsla.cli.output import put_json, put_line, put_table, talk
from vizsla.cli.verify_file import verify_file
from vizsla.finder.email_verifier import EmailVerifierData, begin, find_answered, read_address, render, wait_for
from vizsla.kit.clock import time_text
from vizsla.kit.errors import ClaimedEmail, InvalidEmail, WrongParams
from vizsla.verifier.evidence import Step, Trail
from vizsla.verifier.store import Verification, find_next_try, show_trail
from vizsla.verifier.syntax import Address
from vizsla.verifier.verdict import REASONS, Reason
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Workplace, open_workplace

_PENDING = "The mail server wants us back at {}."
_SLOW = "The mail server has not answered yet."


class _Verified(msgspec.Struct, frozen=True):
    """One address: the API's `data`, and why; without data, it is pending."""

    email: str
    data: EmailVerifierData | None
    reason: Reason | None
    next_try_at: str | None
    steps: Trail | None


def verify(
    *emails: str,
    file: Path | None = None,
    out: Path | None = None,
    column: str = "",
    wait: float = 60.0,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"])] = False,
    json: bool = False,
) -> int:
    """
    Say whether addresses take mail. The exit code is 1 if that is still open of some.

    Mail servers are asked only with VIZSLA_PROBE=on; without it DNS is, and what only a mail server could tell is unknown.

    Parameters
    ----------
    emails
        The addresses.
    file
        A CSV file of addresses instead. It may be long, and go on where it was stopped: what is verified is kept beside --out.
    out
        The file to write: the columns of --file, and what was found out beside them. By default NAME.verified.csv.
    column
        The name of the column with the addresses, or its number from 1. It is found where it is called email.
    wait
        Seconds to wait for servers that are slow or want us back later. What is pending then is finished by `vizsla serve`,
        or by asking again.
    verbose
        Show what was asked and answered, step by step.
    json
        A list of the API's `data` instead of a table; of a file, how many rows ended how.
    """
    if file is not None:
        if emails:
            raise WrongParams("Give addresses or --file, not both.")
        verify_file(file, out, column, json=json, tell=_log)
        return 0
    if out is not None or column:
        raise WrongParams("--out and --column are for --file.")
    if not emails:
        raise WrongParams("Name at least one address: vizsla verify jane@acme.com")
    if not 0 <= wait <= 7_200:
        raise WrongParams("--wait must be between 0 and 7200 seconds.")

    async def run() -> int:
        async with open_workplace() as place:
            verified = await _verify(place, emails, wait, with_steps=verbose)
            if json:
                put_json([_whole(one) for one in verified])
            else:
                _show(verified)
            if not place.settings.probe and any(one.reason == "probe_off" for one in verified):
                talk(
                    "Mail servers were not asked: VIZSLA_PROBE is off. Turn it on where you may open connections to port 25."
                )

            return _tell_pending(verified)

    return asyncio.run(run())


async def _verify(place: Workplace, emails: tuple[str, ...], wait: float, *, with_steps: bool) -> list[_Verified]:
    addresses = await _read(place, emails)
    async with open_pipeline(place) as pipeline:
        working = asyncio.create_task(Verifying(place, pipeline, _log).run())
        try:
            begun = [await _begin(place, address) for address in addresses]
            place.waiting.announce_work()
            ended = await asyncio.gather(*(_wait(place, one, wait) for one in begun))
        finally:
            working.cancel()
            await asyncio.wait([working])
    verified = []
    for address, one in zip(addresses, ended, strict=True):
        if one is not None:
            steps = await show_trail(place.stores.app, one.id) if with_steps else None
            verified.append(await _verified(place, address, one, steps))
    return verified


async def _wait(place: Workplace, verification: Verification, seconds: float) -> Verification | None:
    """*verification* once it ended; as it is when *seconds* are over, or will be before it goes on."""
    app, loop = place.stores.app, asyncio.get_running_loop()
    until = loop.time() + seconds
    found: Verification | None = verification
    while found is not None and found.is_pending and (left := until - loop.time()) > 0:
        found = await wait_for(app, place.waiting, found, seconds=min(1.0, left))
        next_try = await find_next_try(app, verification.id)
        if next_try is not None and next_try > place.clock.now() + left:
            break
    return found


async def _read(place: Workplace, emails: tuple[str, ...]) -> list[Address]:
    claims = await place.claims()
    addresses = {}
    for text in emails:
        try:
            address = read_address(text)
        except InvalidEmail as error:
            raise InvalidEmail(f"{text!r}: {error.details}") from None
        if claims.is_claimed(address.domain, address.local):
            raise ClaimedEmail(f"{text!r}: {ClaimedEmail().details}")
        addresses[str(address)] = address
    return list(addresses.values())


async def _begin(place: Workplace, address: Address) -> Verification:
    app, now = place.stores.app, place.clock.now()
    found = await find_answered(app, address, now)
    if found is None:
        async with app.write() as conn:
            found = await begin(conn, address, per_domain=place.settings.verify_per_domain, now=now)
    return found


async def _verified(place: Workplace, address: Address, one: Verification, steps: Trail | None) -> _Verified:
    if one.is_pending or one.verdict is None:
        next_try = await find_next_try(place.stores.app, one.id)
        return _Verified(str(address), None, None, time_text(next_try) if next_try else None, steps)
    data = await render(place.stores, address, one, now=place.clock.now())
    return _Verified(str(address), data, one.verdict.reason, None, steps)


def _whole(one: _Verified) -> dict[str, Any]:
    """As `--json` shows it: the API's `data`, with the reason, and the steps if they were asked for."""
    if one.data is None:
        whole = {"status": "pending", "email": one.email, "next_try_at": one.next_try_at}
    else:
        whole = {**msgspec.json.decode(msgspec.json.encode(one.data)), "reason": one.reason}
    return whole if one.steps is None else {**whole, "steps": one.steps}


def _show(verified: list[_Verified]) -> None:
    put_table(
        ("address", "status", "score", "why"),
        [
            (one.email, one.data.status, one.data.score, REASONS[one.reason])
            if one.data is not None and one.reason is not None
            else (one.email, "pending", None, _PENDING.format(one.next_try_at) if one.next_try_at else _SLOW)
            for one in verified
        ],
    )
    for one in verified:
        if one.steps:
            put_line("")
            put_table((one.email, "ms", "asked", "answered"), [_shown(step) for step in one.steps])


def _tell_pending(verified: list[_Verified]) -> int:
    """The exit code; a sentence where something is left to do."""
    pending = sum(one.data is None for one in verified)
    if not pending:
        return 0
    what = "One address is" if pending == 1 else f"{pending} addresses are"
    talk(
        f"{what} pending. Ask again after the time that is shown, or let `vizsla serve` finish it; nothing is asked twice."
    )
    return 1


def _shown(step: Step) -> tuple[str, int | None, str, str]:
    return f"{step.stage} {step.host}".strip(), step.ms, step.did, step.got


def _log(event: str, *, level: str = "info", **values: object) -> None:
    if level in ("warning", "error"):
        talk(f"{event}: {' '.join(f'{name}={value}' for name, value in values.items())}")
