"""Which files go with a step? Few and small ones: mail that carries much is not read."""

import re
import unicodedata

import msgspec

from vizsla.accounts.store import next_id
from vizsla.campaigns.campaign import lock_draft, note_change_of_steps
from vizsla.campaigns.steps import get_step
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.database import Connection, Reader
from vizsla.storage.statement import statement

LARGEST = 5 * 1_024 * 1_024
"""Octets of all files of one message."""
MOST = 10
_LONGEST_NAME = 200
_KIND = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,63}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}\Z", re.ASCII)
_ADD = statement("""
    INSERT INTO campaign_attachment (account_id, id, campaign_id, step, file_name, content_type, body)
    VALUES (:account_id, :id, :campaign_id, :step, :file_name, :content_type, :body)
""")
_ALL = statement("""
    SELECT id, step, file_name, content_type, length(body) FROM campaign_attachment
    WHERE account_id = :account_id AND campaign_id = :campaign_id ORDER BY id
""")
_BODIES = statement("""
    SELECT file_name, content_type, body FROM campaign_attachment
    WHERE account_id = :account_id AND campaign_id = :campaign_id AND step = :step ORDER BY id
""")
_DELETE = statement("""
    DELETE FROM campaign_attachment WHERE account_id = :account_id AND campaign_id = :campaign_id AND id = :id
""")
_COPY = statement("""
    INSERT INTO campaign_attachment (account_id, id, campaign_id, step, file_name, content_type, body)
    SELECT account_id, :new_id, :to_id, step, file_name, content_type, body FROM campaign_attachment
    WHERE account_id = :account_id AND campaign_id = :campaign_id AND id = :id
""")


class InvalidAttachment(VizslaError):
    """The file cannot be attached."""

    id = "validation_failed"


class AttachmentNotFound(NotFound):
    """This attachment does not exist."""


class Attached(msgspec.Struct, frozen=True):
    """A file that goes with a step."""

    id: int
    step: int
    file_name: str
    content_type: str
    size: int
    """Octets."""


async def attach(
    conn: Connection, account_id: int, campaign_id: int, step: int, *, file_name: str, content_type: str, body: bytes
) -> Attached:
    """A file more. Raises CampaignNotFound, StepNotFound, SequenceLocked, InvalidAttachment."""
    await lock_draft(conn, account_id, campaign_id)
    await get_step(conn, account_id, campaign_id, step)
    name, kind = _clean_name(file_name), content_type.partition(";")[0].strip().lower()
    others = [one for one in await list_attached(conn, account_id, campaign_id) if one.step == step]
    if not body:
        raise InvalidAttachment("The file is empty.")
    if len(others) >= MOST or sum(one.size for one in others) + len(body) > LARGEST:
        raise InvalidAttachment(f"A message carries {MOST} files at most, of 5 MB together.")
    if not _KIND.match(kind) or kind.startswith(("multipart/", "message/")):
        kind = "application/octet-stream"
    made = Attached(await next_id(conn, account_id), step, name, kind, len(body))
    values = {"account_id": account_id, "campaign_id": campaign_id, "body": body, **msgspec.structs.asdict(made)}
    await conn.execute(_ADD, values)
    await note_change_of_steps(conn, account_id, campaign_id)
    return made


async def list_attached(reader: Reader, account_id: int, campaign_id: int) -> list[Attached]:
    """The files of a campaign, without what is in them."""
    rows = await reader.fetch_all(_ALL, {"account_id": account_id, "campaign_id": campaign_id})
    return [Attached(*row) for row in rows]


async def files_of_step(reader: Reader, account_id: int, campaign_id: int, step: int) -> list[tuple[str, str, bytes]]:
    """Name, content type and octets of each file that goes with a step."""
    rows = await reader.fetch_all(_BODIES, {"account_id": account_id, "campaign_id": campaign_id, "step": step})
    return [(name, kind, bytes(body)) for name, kind, body in rows]


async def detach(conn: Connection, account_id: int, campaign_id: int, attachment_id: int) -> None:
    """Take a file away. Raises CampaignNotFound, AttachmentNotFound, SequenceLocked."""
    await lock_draft(conn, account_id, campaign_id)
    named = {"account_id": account_id, "campaign_id": campaign_id, "id": attachment_id}
    if not await conn.execute(_DELETE, named):
        raise AttachmentNotFound
    await note_change_of_steps(conn, account_id, campaign_id)


async def copy_attached(conn: Connection, account_id: int, campaign_id: int, to_id: int) -> None:
    """Give the files of one campaign to another."""
    for one in await list_attached(conn, account_id, campaign_id):
        new_id = await next_id(conn, account_id)
        named = {"account_id": account_id, "campaign_id": campaign_id, "id": one.id, "new_id": new_id, "to_id": to_id}
        await conn.execute(_COPY, named)


def _clean_name(name: str) -> str:
    """*name* without folders and what cannot be seen; raises InvalidAttachment."""
    last = name.replace("\\", "/").rpartition("/")[2]
    if any(unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp") for character in last):
        raise InvalidAttachment("There is a control character in the name of the file.")
    last = unicodedata.normalize("NFC", last).strip()
    if not 0 < len(last) <= _LONGEST_NAME:
        raise InvalidAttachment(f"The name of a file has 1 to {_LONGEST_NAME} characters.")
    return last
