"""`vizsla find`: which address does this person have, and why do we think so?"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from vizsla.cli.find_file import find_file, show, target_of
from vizsla.cli.output import put_json, put_line, put_table, talk
from vizsla.finder.email_finder import find_email
from vizsla.finder.explanation import Explanation, explain_finding
from vizsla.finder.finding import FinderQuery, Finding, Means
from vizsla.finder.outcomes import record_finding
from vizsla.kit.domain_name import parse_domain
from vizsla.kit.errors import WrongParams
from vizsla.naming.names import parse_name
from vizsla.work.findings import open_means
from vizsla.work.verifications import Verifying, open_pipeline
from vizsla.work.workplace import Workplace, open_workplace

LEAST_SECONDS, MOST_SECONDS = 3, 20


def find(
    domain: str | None = None,
    name: str | None = None,
    /,
    *,
    file: Path | None = None,
    out: Path | None = None,
    max_duration: int = 10,
    verbose: Annotated[bool, Parameter(name=["--verbose", "-v"])] = False,
    json: bool = False,
) -> None:
    """
    Find the most likely address of a person at a domain.

    The score is a probability in percent. Mail servers are asked only with VIZSLA_PROBE=on; without it the domain's habits and
    what was seen on the web speak alone.

    Parameters
    ----------
    domain
        A domain name, or a company's name.
    name
        First and last name, in quotes.
    file
        A CSV file of people instead: its first line names the columns first_name and last_name, or full_name; and domain, or
        company. Killed meanwhile, the same command goes on where it was stopped.
    out
        Where their addresses go, beside the columns of the file; FILE.found.csv if not named.
    max_duration
        Seconds that it may take, 3 to 20.
    verbose
        Show the candidates, how the domain makes addresses, and what moved the score.
    json
        The API's `data` instead of a table; with --verbose, that of its explanation.
    """
    if not LEAST_SECONDS <= max_duration <= MOST_SECONDS:
        raise WrongParams(f"--max-duration must be between {LEAST_SECONDS} and {MOST_SECONDS} seconds.")
    if file is not None:
        asyncio.run(_find_all(file, target_of(file, out), float(max_duration), json=json))
        return
    if domain is None or name is None:
        raise WrongParams('Name a domain and a person: vizsla find acme.com "Jane Doe"; or --file people.csv.')
    is_domain = "." in domain and " " not in domain
    query = FinderQuery(
        name=parse_name(name),
        domain=parse_domain(domain) if is_domain else None,
        company=None if is_domain else domain,
        max_duration=float(max_duration),
    )

    async def run() -> None:
        async with open_workplace() as place, _open_means(place) as means:
            finding = await find_email(means, query, now=place.clock.now())
            if finding.answered:
                async with place.stores.app.write() as conn:
                    await record_finding(conn, finding, place.clock.now())
            explanation = await explain_finding(place.stores.search, means.claims, finding) if verbose else None
            if json:
                put_json(finding.data if explanation is None else explanation)
            else:
                _show(finding, explanation)

    asyncio.run(run())


async def _find_all(source: Path, target: Path, max_duration: float, *, json: bool) -> None:
    async with open_workplace() as place, _open_means(place) as means:
        summary = await find_file(place, means, source, target, max_duration=max_duration)
    show(summary, json=json)


@contextlib.asynccontextmanager
async def _open_means(place: Workplace) -> AsyncIterator[Means]:
    """What the finder works with; with a worker of our own, for no server need be running."""
    async with contextlib.AsyncExitStack() as stack:
        if place.settings.probe:
            pipeline = await stack.enter_async_context(open_pipeline(place))
            await stack.enter_async_context(_working(place, Verifying(place, pipeline, _log)))
        yield await stack.enter_async_context(open_means(place))


@contextlib.asynccontextmanager
async def _working(place: Workplace, verifying: Verifying) -> AsyncIterator[None]:
    working = asyncio.create_task(verifying.run())
    try:
        yield
    finally:
        working.cancel()
        await asyncio.wait([working])


def _show(finding: Finding, explanation: Explanation | None) -> None:
    data = finding.data
    if data.email is None:
        talk("No address is likely enough to be given.")
    put_table(
        ("address", "score", "name", "position", "verification"),
        [
            (
                data.email,
                data.score,
                " ".join(filter(None, (data.first_name, data.last_name))),
                data.position,
                data.verification.status,
            )
        ]
        if data.email is not None
        else [],
    )
    if explanation is None:
        return
    put_line("")
    put_table(
        ("candidate", "probability", "by the pattern", "made by"),
        [
            (one.email, f"{one.probability:.3f}", f"{one.by_pattern:.3f}", " ".join(one.templates))
            for one in explanation.candidates
        ]
        + [("none of these", f"{explanation.unknown:.3f}", None, None)],
    )
    if (pattern := explanation.pattern) is not None:
        put_line("")
        put_table(
            ("pattern", "probability", "addresses that follow it"),
            [(one.pattern, f"{one.probability:.3f}", f"{one.weight:.1f}") for one in pattern.habits]
            + [("none", f"{pattern.unknown:.3f}", None)],
        )
        if pattern.counterexamples:
            talk(f"Made otherwise: {', '.join(pattern.counterexamples)}")
    put_line("")
    put_table(
        ("what moved it", "address", "probability", "why"),
        [(term.what, term.local, f"{term.probability:.3f}", term.why) for term in explanation.terms],
    )


def _log(event: str, *, level: str = "info", **values: object) -> None:
    if level in ("warning", "error"):
        talk(f"{event}: {' '.join(f'{name}={value}' for name, value in values.items())}")
