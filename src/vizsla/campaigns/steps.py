"""
What does a campaign say, and how long does it wait between?

Step 0 is the introduction, the others follow up in its thread; a follow-up without a subject goes on under the one before. Steps are
appended and taken away at the end, and read when they are written: a template that cannot be filled in is never saved.
"""

from collections.abc import Sequence

import msgspec

from vizsla.campaigns.campaign import lock_draft, note_change_of_steps
from vizsla.campaigns.hyperlinks import refuse_links
from vizsla.campaigns.links import links_of, put_links
from vizsla.campaigns.templates import Format, Parsed, WrongTemplate, parse_step, unknown_of
from vizsla.kit.errors import NotFound
from vizsla.leads.attributes import attribute_ids
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

MOST_STEPS = 20
MOST_WAIT = 30
"""Days."""
_COLUMNS = "number, wait_days, subject, body, format"
_ALL = statement(f"""
    SELECT {_COLUMNS} FROM campaign_step WHERE account_id = :account_id AND campaign_id = :campaign_id ORDER BY number
""")  # noqa: S608
_ADD = statement("""
    INSERT INTO campaign_step (account_id, campaign_id, number, wait_days, subject, body, format)
    VALUES (:account_id, :campaign_id, :number, :wait_days, :subject, :body, :format)
""")
_PUT = statement("""
    UPDATE campaign_step SET wait_days = :wait_days, subject = :subject, body = :body, format = :format
    WHERE account_id = :account_id AND campaign_id = :campaign_id AND number = :number
""")
_DELETE = statement("""
    DELETE FROM campaign_step WHERE account_id = :account_id AND campaign_id = :campaign_id AND number = :number
""")
_DELETE_ATTACHMENTS = statement("""
    DELETE FROM campaign_attachment WHERE account_id = :account_id AND campaign_id = :campaign_id AND step = :number
""")


class StepNotFound(NotFound):
    """This step does not exist."""


class Step(msgspec.Struct, frozen=True):
    """One message of a campaign."""

    number: int
    """From 0."""
    wait_days: int
    """After the step before."""
    subject: str
    """Liquid; empty: the thread's."""
    body: str
    """Liquid."""
    format: Format


async def list_steps(reader: Reader, account_id: int, campaign_id: int) -> list[Step]:
    """The steps of a campaign, first to last."""
    rows = await reader.fetch_all(_ALL, {"account_id": account_id, "campaign_id": campaign_id})
    return [Step(*row) for row in rows]


async def get_step(reader: Reader, account_id: int, campaign_id: int, number: int) -> Step:
    """One of them; raises StepNotFound."""
    for step in await list_steps(reader, account_id, campaign_id):
        if step.number == number:
            return step
    raise StepNotFound


async def add_step(
    conn: Connection,
    account_id: int,
    campaign_id: int,
    *,
    subject: str = "",
    body: str,
    format: Format = "html",
    wait_days: int = 0,
) -> Step:
    """A step more, after the last one. Raises CampaignNotFound, SequenceLocked, WrongTemplate."""
    await lock_draft(conn, account_id, campaign_id)
    number = len(await list_steps(conn, account_id, campaign_id))
    if number >= MOST_STEPS:
        raise WrongTemplate(f"A campaign has {MOST_STEPS} steps at most.")
    step = Step(number, wait_days, subject.strip(), body, format)
    await _check(conn, account_id, step)
    await conn.execute(_ADD, _row(account_id, campaign_id, step))
    await put_links(conn, account_id, campaign_id, links_of(step.body, step.format))
    await note_change_of_steps(conn, account_id, campaign_id)
    return step


async def change_step(
    conn: Connection,
    account_id: int,
    campaign_id: int,
    number: int,
    *,
    subject: str | None = None,
    body: str | None = None,
    format: Format | None = None,
    wait_days: int | None = None,
) -> Step:
    """The step with what is given. Raises CampaignNotFound, StepNotFound, SequenceLocked, WrongTemplate."""
    await lock_draft(conn, account_id, campaign_id)
    before = await get_step(conn, account_id, campaign_id, number)
    after = Step(
        number,
        before.wait_days if wait_days is None else wait_days,
        before.subject if subject is None else subject.strip(),
        before.body if body is None else body,
        before.format if format is None else format,
    )
    await _check(conn, account_id, after)
    await conn.execute(_PUT, _row(account_id, campaign_id, after))
    await put_links(conn, account_id, campaign_id, links_of(after.body, after.format))
    await note_change_of_steps(conn, account_id, campaign_id)
    return after


async def delete_last_step(conn: Connection, account_id: int, campaign_id: int, number: int) -> None:
    """Take the last follow-up away, which must be *number*. Raises CampaignNotFound, StepNotFound, SequenceLocked, WrongTemplate."""
    await lock_draft(conn, account_id, campaign_id)
    steps = await list_steps(conn, account_id, campaign_id)
    if not 0 <= number < len(steps):
        raise StepNotFound
    if number == 0:
        raise WrongTemplate("The introduction cannot be deleted, only changed.")
    if number != len(steps) - 1:
        raise WrongTemplate("Only the last step can be deleted.")
    named = {"account_id": account_id, "campaign_id": campaign_id, "number": number}
    await conn.execute(_DELETE, named)
    await conn.execute(_DELETE_ATTACHMENTS, named)
    await note_change_of_steps(conn, account_id, campaign_id)


async def copy_steps(conn: Connection, account_id: int, campaign_id: int, to_id: int) -> None:
    """Give the steps of one campaign to another that has none."""
    for step in await list_steps(conn, account_id, campaign_id):
        await conn.execute(_ADD, _row(account_id, to_id, step))
        await put_links(conn, account_id, to_id, links_of(step.body, step.format))
    await note_change_of_steps(conn, account_id, to_id)


def parse_steps(steps: Sequence[Step]) -> list[Parsed]:
    """The steps, read. Raises WrongTemplate."""
    return [parse_step(step.subject, step.body, step.format) for step in steps]


def subject_of(steps: Sequence[Step], number: int) -> str:
    """The subject of a step as it is written: its own, or that of the last one before it that has one."""
    return next((step.subject for step in reversed(steps[: number + 1]) if step.subject), "")


async def _check(reader: Reader, account_id: int, step: Step) -> None:
    if not 0 <= step.wait_days <= MOST_WAIT:
        raise WrongTemplate(f"A step waits for 0 to {MOST_WAIT} days.")
    if step.number == 0 and not step.subject:
        raise WrongTemplate("The introduction needs a subject.")
    parsed = parse_step(step.subject, step.body, step.format)
    slugs = await attribute_ids(reader, account_id)
    unknown = sorted(unknown_of(parsed, slugs))
    if unknown:
        raise WrongTemplate(
            f"There is no merge field {', '.join(unknown)[:200]}. A lead has first_name, last_name, company and the like, and "
            "the custom attributes of your account."
        )
    refuse_links(step.body, step.format)


def _row(account_id: int, campaign_id: int, step: Step) -> dict[str, object]:
    return {"account_id": account_id, "campaign_id": campaign_id, **msgspec.structs.asdict(step)}
