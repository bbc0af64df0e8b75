"""
Which mail accounts do campaigns send from, how much may each send, and what do they log in with?

Secrets are sealed under a key that is not in the database; nothing here shows them again. Whether an account works is asked in
`campaigns.sender_checks`; the caps and gaps are kept in `campaigns.claiming`.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from vizsla.accounts.store import next_id
from vizsla.campaigns.tables import sender as sender_table
from vizsla.campaigns.window import WEEKDAYS, Window, check_window, local_day
from vizsla.kit.email_address import is_addressable
from vizsla.kit.errors import InvalidEmail, NotFound, VizslaError
from vizsla.mail.dkim import Signer, load_key
from vizsla.mail.mime import as_written, in_lines, in_one_line
from vizsla.mail.server import Server, WrongServer, clean_host
from vizsla.storage.database import Connection, Reader
from vizsla.storage.seal import seal, unseal
from vizsla.storage.statement import statement

Auth = Literal["password", "xoauth2"]
Journal = Literal["none", "copy", "sent_folder"]
"""What proves that a message left: nothing, a copy sent to the account itself, or the copy its server keeps."""
State = Literal["ok", "paused", "error"]
MOST_SENDERS = 1_000
MOST_CAP = 100_000
LONGEST_GAP = 3_600
LONGEST_SIGNATURE = 10_000
_LONGEST_NAME, _LONGEST_SECRET = 100, 4_000

_COLUMNS = ", ".join(column.name for column in sender_table.c if column.name not in ("worker", "attempt", "free_at"))
_GET = statement(f"SELECT {_COLUMNS} FROM sender WHERE account_id = :account_id AND id = :id")  # noqa: S608
_WRITER = statement("""
    SELECT sender.email FROM recipient JOIN sender ON sender.account_id = recipient.account_id AND sender.id = recipient.sender_id
    WHERE recipient.account_id = :account_id AND recipient.id = :recipient_id
""")
_PAGE = statement(f"""
    SELECT {_COLUMNS} FROM sender WHERE account_id = :account_id ORDER BY id DESC LIMIT :limit OFFSET :offset
""")  # noqa: S608
_COUNT = statement("SELECT count(*) FROM sender WHERE account_id = :account_id")
_NAMED = statement("SELECT id FROM sender WHERE account_id = :account_id AND lower(email) = :email LIMIT 1")
_EDITED = (
    "email", "name", "signature", "smtp", "imap", "login", "auth", "daily_cap", "ramp_start", "ramp_step", "gap", "timezone", "days",
    "start_second", "end_second", "journal",
)  # fmt: skip
_ADD = statement(f"""
    INSERT INTO sender (account_id, id, member_id, {", ".join(_EDITED)}, sealed, ramp_since, state, failures, created_at, attempt)
    VALUES (:account_id, :id, :member_id, {", ".join(f":{name}" for name in _EDITED)}, :sealed, :ramp_since, 'ok', 0, :now, 0)
""")  # noqa: S608
_CHANGE = statement(f"""
    UPDATE sender SET {", ".join(f"{name} = :{name}" for name in _EDITED)}, sealed = :sealed, ramp_since = :ramp_since
    WHERE account_id = :account_id AND id = :id
""")  # noqa: S608
_LISTEN = statement("""
    INSERT INTO mailbox (account_id, sender_id, folder, last_uid, due, attempt) VALUES (:account_id, :id, 'INBOX', 0, :now, 0)
    ON CONFLICT (account_id, sender_id) DO NOTHING
""")
_HANG_UP = statement("DELETE FROM mailbox WHERE account_id = :account_id AND sender_id = :id")
_FORGET_DAYS = statement("DELETE FROM sender_day WHERE account_id = :account_id AND sender_id = :id")
_DELETE = statement("DELETE FROM sender WHERE account_id = :account_id AND id = :id")
_STATE = statement("""
    UPDATE sender SET state = :state, trouble = NULL, failures = 0, free_at = NULL,
        due = CASE WHEN :state = 'ok' THEN :now ELSE due END
    WHERE account_id = :account_id AND id = :id
""")
_DKIM = statement("""
    UPDATE sender SET dkim_selector = :selector, dkim_sealed = :sealed WHERE account_id = :account_id AND id = :id
""")
_WAITING = statement("""
    SELECT count(*) FROM (
        SELECT 1 FROM recipient WHERE account_id = :account_id AND sender_id = :id AND state IN ('scheduled', 'held') LIMIT 100000
    ) AS waiting
""")
_SENT_ON = statement("SELECT sent FROM sender_day WHERE account_id = :account_id AND sender_id = :id AND day = :day")


class WrongSender(VizslaError):
    """Something about this sending account is wrong."""

    id = "validation_failed"


class SenderNotFound(NotFound):
    """This sending account does not exist."""


class SecretsLost(VizslaError):
    """The password cannot be read any more: VIZSLA_SECRET_KEY has changed. Type it once more."""

    id = "secrets_lost"


class Secrets(msgspec.Struct, frozen=True):
    """What a sending account logs in with: a password, or what OAuth 2 access tokens are asked for with."""

    password: str = ""
    token_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""

    def __repr__(self) -> str:
        return "Secrets(…)"


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """All that a person says of a sending account, but secrets."""

    email: str
    name: str = ""
    signature: str = ""
    smtp: Server
    imap: Server | None = None
    login: str = ""
    """Empty: the address."""
    auth: Auth = "password"
    daily_cap: int = 50
    ramp_start: int | None = None
    """Messages of the first day; None: the cap from the first day on."""
    ramp_step: int | None = None
    gap: int = 60
    """Seconds between two messages."""
    window: Window = Window("UTC", WEEKDAYS, 9 * 3_600, 18 * 3_600)
    journal: Journal = "none"


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """A mail account that campaigns send from."""

    account_id: int
    id: int
    member_id: int
    email: str
    name: str
    signature: str
    smtp: Server
    imap: Server | None
    """None: nobody listens for what comes back."""
    login: str
    auth: Auth
    sealed: str
    dkim_selector: str | None
    dkim_sealed: str | None
    daily_cap: int
    ramp_start: int | None
    ramp_step: int | None
    ramp_since: int | None
    gap: int
    window: Window
    journal: Journal
    state: State
    trouble: str | None
    failures: int
    created_at: int
    due: int | None

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2]

    @property
    def draft(self) -> Draft:
        """What a person said of it."""
        return Draft(**{name: getattr(self, name) for name in Draft.__struct_fields__})


async def create_sender(
    conn: Connection, account_id: int, member_id: int, draft: Draft, secrets: Secrets, *, secret: bytes, now: int
) -> Sender:
    """A new sending account, listened to if it has IMAP. Raises WrongSender, WrongServer, WrongWindow."""
    draft = check_draft(draft)
    _check_secrets(draft, secrets)
    sender_id = await next_id(conn, account_id)
    if await count_senders(conn, account_id) >= MOST_SENDERS:
        raise WrongSender(f"An account has {MOST_SENDERS:,} sending accounts at most.")
    await _refuse_twin(conn, account_id, draft, None)
    values = _values(draft) | {"account_id": account_id, "id": sender_id, "member_id": member_id, "now": now}
    since = now if draft.ramp_start is not None else None
    await conn.execute(_ADD, values | {"sealed": seal_secrets(secrets, secret), "ramp_since": since})
    await _listen(conn, account_id, sender_id, draft, now)
    return await get_sender(conn, account_id, sender_id)


async def get_sender(reader: Reader, account_id: int, sender_id: int) -> Sender:
    """The account's sender. Raises SenderNotFound."""
    row = await reader.fetch_one(_GET, {"account_id": account_id, "id": sender_id})
    if row is None:
        raise SenderNotFound
    return _sender(row)


async def find_writer(reader: Reader, account_id: int, recipient_id: int) -> str | None:
    """The address that writes to a recipient; None if they, or it, are gone."""
    row = await reader.fetch_one(_WRITER, {"account_id": account_id, "recipient_id": recipient_id})
    return row[0] if row else None


async def list_senders(reader: Reader, account_id: int, *, limit: int = MOST_SENDERS, offset: int = 0) -> list[Sender]:
    """The account's senders, the newest first."""
    rows = await reader.fetch_all(_PAGE, {"account_id": account_id, "limit": limit, "offset": offset})
    return [_sender(row) for row in rows]


async def count_senders(reader: Reader, account_id: int) -> int:
    """How many senders the account has."""
    row = await reader.fetch_one(_COUNT, {"account_id": account_id})
    return int(row[0]) if row else 0


async def update_sender(
    conn: Connection, account_id: int, sender_id: int, draft: Draft, secrets: Secrets | None, *, secret: bytes, now: int
) -> Sender:
    """
    Write *draft* into a sender; None as *secrets* keeps those that are there.

    Raises SenderNotFound, WrongSender, WrongServer, WrongWindow. Where mail goes cannot be changed without typing the secret
    again: who may edit must not be able to send a teammate's password to a server of their own.
    """
    before = await get_sender(conn, account_id, sender_id)
    draft = check_draft(draft)
    if secrets is None and _leads_elsewhere(before, draft):
        raise WrongSender("The password goes to another server now: type it once more.")
    if secrets is not None:
        _check_secrets(draft, secrets)
    await _refuse_twin(conn, account_id, draft, sender_id)
    since = (before.ramp_since or now) if draft.ramp_start is not None else None
    sealed = before.sealed if secrets is None else seal_secrets(secrets, secret)
    values = _values(draft) | {"account_id": account_id, "id": sender_id, "sealed": sealed, "ramp_since": since}
    await conn.execute(_CHANGE, values)
    await _listen(conn, account_id, sender_id, draft, now)
    if before.dkim_sealed and before.domain.lower() != draft.email.rpartition("@")[2]:
        # The key was published at the domain it was made for.
        await remove_dkim(conn, account_id, sender_id)
    return await get_sender(conn, account_id, sender_id)


async def delete_sender(conn: Connection, account_id: int, sender_id: int) -> None:
    """Delete a sender; what it has sent stays. Raises SenderNotFound, WrongSender while somebody waits to be written to by it."""
    await get_sender(conn, account_id, sender_id)
    if waiting := await count_waiting(conn, account_id, sender_id):
        raise WrongSender(
            f"{waiting:,} recipients wait for a message from this account. Archive their campaigns first, or pause the account."
        )
    for query in (_HANG_UP, _FORGET_DAYS, _DELETE):
        await conn.execute(query, {"account_id": account_id, "id": sender_id})


async def count_waiting(reader: Reader, account_id: int, sender_id: int) -> int:
    """How many recipients are still to hear from this sender, or wait for a person to say so; 100,000 stands for more."""
    row = await reader.fetch_one(_WAITING, {"account_id": account_id, "id": sender_id})
    return int(row[0]) if row else 0


async def pause_sender(conn: Connection, account_id: int, sender_id: int, now: int) -> None:
    """Send nothing from it until it is resumed. Raises SenderNotFound."""
    await _put_state(conn, account_id, sender_id, "paused", now)


async def resume_sender(conn: Connection, account_id: int, sender_id: int, now: int) -> None:
    """Go on, after a pause or once what was wrong is put right. Raises SenderNotFound."""
    await _put_state(conn, account_id, sender_id, "ok", now)


async def put_dkim(conn: Connection, sender: Sender, selector: str, private_key_pem: str, *, secret: bytes) -> None:
    """Sign what it sends with this key. Raises WrongKey."""
    Signer(sender.domain, selector, private_key_pem)
    sealed = seal(_key(secret), private_key_pem.encode()).hex()
    await conn.execute(
        _DKIM, {"account_id": sender.account_id, "id": sender.id, "selector": selector, "sealed": sealed}
    )


async def remove_dkim(conn: Connection, account_id: int, sender_id: int) -> None:
    """Sign no more: its own server may."""
    await conn.execute(_DKIM, {"account_id": account_id, "id": sender_id, "selector": None, "sealed": None})


async def sent_on(reader: Reader, sender: Sender, now: int) -> int:
    """Messages that it has sent on the day that it is there *now*."""
    day = local_day(now, sender.window.timezone)
    row = await reader.fetch_one(_SENT_ON, {"account_id": sender.account_id, "id": sender.id, "day": day})
    return int(row[0]) if row else 0


def cap_of(sender: Sender, day: int) -> int:
    """How many messages it may send on *day* (days since 1970-01-01, of its own time): the ramp's, and never over the cap."""
    if sender.ramp_start is None or sender.ramp_since is None:
        return sender.daily_cap
    age = max(0, day - local_day(sender.ramp_since, sender.window.timezone))
    return min(sender.daily_cap, sender.ramp_start + age * (sender.ramp_step or 0))


def seal_secrets(secrets: Secrets, secret: bytes) -> str:
    """*secrets* as they are kept."""
    return seal(_key(secret), msgspec.json.encode(secrets)).hex()


def open_secrets(sealed: str, secret: bytes) -> Secrets:
    """What `seal_secrets` was given. Raises SecretsLost if it was under another key."""
    return msgspec.json.decode(_opened(sealed, secret), type=Secrets)


def signer_of(sender: Sender, secret: bytes) -> Signer | None:
    """Who signs for it; None: nobody does here. Raises SecretsLost."""
    if sender.dkim_selector is None or sender.dkim_sealed is None:
        return None
    return Signer(sender.domain, sender.dkim_selector, _opened(sender.dkim_sealed, secret))


def dkim_key_of(sender: Sender, secret: bytes) -> bytes | None:
    """Its private key as PEM, for the record that is published; None if it has none. Raises SecretsLost."""
    if sender.dkim_sealed is None:
        return None
    pem = _opened(sender.dkim_sealed, secret)
    load_key(pem)
    return pem


def check_draft(draft: Draft) -> Draft:
    """*draft*, cleaned. Raises WrongSender, WrongServer, WrongWindow."""
    try:
        email = as_written(draft.email)
    except InvalidEmail:
        email = ""
    if not email or not is_addressable(email):
        raise WrongSender("Give the e-mail address that messages are from, such as ada@example.com.")
    name, login = in_one_line(draft.name), in_one_line(draft.login) or email
    signature = in_lines(draft.signature).rstrip("\n")
    for text, most, what in (
        (name, _LONGEST_NAME, "The name"),
        (login, _LONGEST_SECRET, "The user name"),
        (signature, LONGEST_SIGNATURE, "The signature"),
    ):
        if len(text) > most:
            raise WrongSender(f"{what} has {most:,} characters at most.")
    _check_numbers(draft)
    if draft.journal == "sent_folder" and draft.imap is None:
        raise WrongSender("The folder of sent mail is read over IMAP: give the IMAP server, or choose another proof.")
    return msgspec.structs.replace(
        draft,
        email=email,
        name=name,
        login=login,
        signature=signature,
        smtp=_clean(draft.smtp),
        imap=_clean(draft.imap) if draft.imap else None,
        ramp_step=draft.ramp_step if draft.ramp_start is not None else None,
        window=check_window(draft.window),
    )


def _check_numbers(draft: Draft) -> None:
    if not 1 <= draft.daily_cap <= MOST_CAP:
        raise WrongSender(f"A day's cap is 1 to {MOST_CAP:,} messages.")
    if not 0 <= draft.gap <= LONGEST_GAP:
        raise WrongSender(f"The gap between two messages is 0 to {LONGEST_GAP:,} seconds.")
    if draft.ramp_start is not None and not 1 <= draft.ramp_start <= draft.daily_cap:
        raise WrongSender("The first day's messages are at least 1, and not more than the day's cap.")
    if draft.ramp_start is not None and not 1 <= (draft.ramp_step or 0) <= MOST_CAP:
        raise WrongSender("Say how many messages more each day may have than the day before it: at least 1.")


def _check_secrets(draft: Draft, secrets: Secrets) -> None:
    values = [getattr(secrets, name) for name in secrets.__struct_fields__]
    if any(len(value) > _LONGEST_SECRET for value in values):
        raise WrongSender(f"A password or token has {_LONGEST_SECRET:,} characters at most.")
    if any(not value.isprintable() for value in values):
        raise WrongSender("A password or token is one line of characters that can be seen.")
    if draft.auth == "password" and not secrets.password:
        raise WrongSender("Type the password. Most providers want an app password here, not the one you sign in with.")
    if draft.auth == "xoauth2":
        if not (secrets.client_id and secrets.refresh_token):
            raise WrongSender("Give the client id and the refresh token of OAuth 2.")
        if not secrets.token_url.startswith("https://"):
            raise WrongSender("The address of the token endpoint begins with https://.")


def _leads_elsewhere(before: Sender, draft: Draft) -> bool:
    """Whether the secret would be shown to somebody else, or sent in another way."""
    new_imap = draft.imap is not None and draft.imap not in (before.imap, before.smtp)
    return draft.smtp != before.smtp or new_imap or draft.auth != before.auth or draft.login != before.login


async def _refuse_twin(reader: Reader, account_id: int, draft: Draft, sender_id: int | None) -> None:
    row = await reader.fetch_one(_NAMED, {"account_id": account_id, "email": draft.email.lower()})
    if row is not None and row[0] != sender_id:
        raise WrongSender(f"There is a sending account for {draft.email} already.")


async def _listen(conn: Connection, account_id: int, sender_id: int, draft: Draft, now: int) -> None:
    query = _HANG_UP if draft.imap is None else _LISTEN
    await conn.execute(query, {"account_id": account_id, "id": sender_id, "now": now})


async def _put_state(conn: Connection, account_id: int, sender_id: int, state: State, now: int) -> None:
    if not await conn.execute(_STATE, {"account_id": account_id, "id": sender_id, "state": state, "now": now}):
        raise SenderNotFound


def _clean(server: Server) -> Server:
    if not 0 < server.port < 65_536:
        raise WrongServer(f"{server.port} is not a port.")
    return msgspec.structs.replace(server, host=clean_host(server.host))


def _values(draft: Draft) -> dict[str, Any]:
    window = draft.window
    of_window = {
        "timezone": window.timezone,
        "days": window.days,
        "start_second": window.start_second,
        "end_second": window.end_second,
    }
    fields = {name: getattr(draft, name) for name in _EDITED if name not in of_window}
    return fields | of_window | {"smtp": _packed(draft.smtp), "imap": _packed(draft.imap) if draft.imap else None}


def _packed(server: Server) -> str:
    return msgspec.json.encode(server).decode()


def _sender(row: Sequence[Any]) -> Sender:
    values = dict(zip(_COLUMNS.split(", "), row, strict=True))
    window = Window(*(values.pop(name) for name in Window.__struct_fields__))
    smtp, imap = values.pop("smtp"), values.pop("imap")
    return Sender(
        **values | {"name": values["name"] or "", "signature": values["signature"] or ""},
        smtp=msgspec.json.decode(smtp, type=Server),
        imap=msgspec.json.decode(imap, type=Server) if imap else None,
        window=window,
    )


def _opened(sealed: str, secret: bytes) -> bytes:
    opened = unseal(_key(secret), bytes.fromhex(sealed))
    if opened is None:
        raise SecretsLost
    return opened


def _key(secret: bytes) -> str:
    return f"sender {secret.hex()}"
