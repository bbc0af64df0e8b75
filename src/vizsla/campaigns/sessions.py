"""
How is a session opened with the server of a stored sender, and where are the copies of what it sent?

The two things that campaigns ask of a person's mail account, with its own secrets: `sending.Senders` and `reconcile.Evidence`.
"""

import asyncio
from collections.abc import Collection, Sequence

from vizsla.campaigns.compose import Writer
from vizsla.campaigns.reconcile import NoEvidence
from vizsla.campaigns.sender_checks import Means, credentials_of
from vizsla.campaigns.senders import Sender, SenderNotFound, get_sender, open_secrets, signer_of
from vizsla.campaigns.sending import NotUsable, Session
from vizsla.kit.errors import StoreError, VizslaError
from vizsla.mail.imap import MailboxSession
from vizsla.mail.server import IMAP_PORTS, Credentials, Server, check_address, find_addresses
from vizsla.mail.submission import SUBMISSION_LIMITS, AuthRefused, Submission
from vizsla.mail.xoauth2 import TokenRefused
from vizsla.net.guard import EgressGuard
from vizsla.storage.database import Reader
from vizsla.storage.statement import statement

_MARK = statement("""
    SELECT email, name, signature, smtp, login, auth, sealed, dkim_selector, dkim_sealed, journal FROM sender
    WHERE account_id = :account_id AND id = :id
""")


class StoredSenders:
    """Opens sessions as the rows of `sender` say."""

    def __init__(self, app: Reader, secret: bytes, means: Means) -> None:
        self._app = app
        self._secret = secret
        self._means = means

    async def mark(self, account_id: int, sender_id: int) -> object:
        """What a session depends on."""
        row = await self._app.fetch_one(_MARK, {"account_id": account_id, "id": sender_id})
        return tuple(row) if row else None

    async def open(self, account_id: int, sender_id: int) -> Session:
        """See Senders. Raises NotUsable besides."""
        mark = await self.mark(account_id, sender_id)
        sender, credentials = await _opened(self._app, account_id, sender_id, self._secret, self._means)
        signer = signer_of(sender, self._secret)
        writer = Writer(
            sender.email, sender.name, sender.signature, sender.journal == "copy", signer.sign if signer else None
        )
        try:
            submission = await Submission.open(
                sender.smtp,
                credentials,
                self._means.guard,
                self._means.helo,
                SUBMISSION_LIMITS,
                dns=self._means.dns,
                context=self._means.context,
            )
        except AuthRefused:
            if self._means.tokens is not None:
                self._means.tokens.forget(credentials.access_token)
            raise
        return Session(submission, writer, mark)


class MailboxCopies:
    """Looks for copies where the sender's own mailbox has them: in its inbox, or where its server keeps what was sent."""

    def __init__(self, app: Reader, secret: bytes, means: Means) -> None:
        self._app = app
        self._secret = secret
        self._means = means

    async def find_sent(self, account_id: int, sender_id: int, message_ids: Sequence[str]) -> Collection[str] | None:
        """See Evidence."""
        try:
            sender, credentials = await _opened(self._app, account_id, sender_id, self._secret, self._means)
            if sender.journal == "none" or sender.imap is None:
                return None
            ips = await find_addresses(sender.imap.host, self._means.dns)
            check_address(sender.imap, ips[0], IMAP_PORTS, self._means.guard)
            return await asyncio.to_thread(
                _look,
                sender.imap,
                ips[0],
                credentials,
                guard=self._means.guard,
                journal=sender.journal,
                names=message_ids,
            )
        except (StoreError, NoEvidence):
            raise
        except VizslaError as error:
            raise NoEvidence(f"The mailbox cannot be asked: {error.details}") from None


async def _opened(
    app: Reader, account_id: int, sender_id: int, secret: bytes, means: Means
) -> tuple[Sender, Credentials]:
    """Raises NotUsable."""
    try:
        sender = await get_sender(app, account_id, sender_id)
        return sender, await credentials_of(sender, open_secrets(sender.sealed, secret), means.tokens)
    except TokenRefused as error:
        raise NotUsable(error.details, for_good=error.is_final) from None
    except SenderNotFound as error:
        raise NotUsable(error.details, for_good=True) from None
    except VizslaError as error:
        if isinstance(error, StoreError):
            raise
        raise NotUsable(error.details, for_good=True) from None


def _look(
    server: Server, ip: str, credentials: Credentials, *, guard: EgressGuard, journal: str, names: Sequence[str]
) -> set[str]:
    with MailboxSession.open(server, ip, credentials, guard) as session:
        folder = "INBOX" if journal == "copy" else session.find_sent_folder()
        if folder is None:
            raise NoEvidence("The mailbox has no folder of sent mail.")
        session.examine(folder)
        return session.find_ids(names)
