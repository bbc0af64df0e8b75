"""
Who is at the door, and what have they brought?

One `Visit` is one request of a person: the visitor behind the session cookie, the form they sent, and the ways to answer it.
A request that changes something is let in from our own pages alone: by Sec-Fetch-Site, or by Origin where a browser sends
none; with a session cookie and neither of them it is refused, for then nobody vouches for where it came from.
"""

import base64
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from vizsla.accounts.roles import require_manager
from vizsla.accounts.sessions import ABSOLUTE, Visitor, find_session
from vizsla.accounts.store import Member, find_member
from vizsla.desk.asking import Asker
from vizsla.kit.errors import NotFound, VizslaError
from vizsla.storage.open import Stores
from vizsla.web.house import House
from vizsla.web.render import Note, render

LARGEST_FORM = 100_000
"""Bytes of a form without a file."""
LARGEST_UPLOAD = 16_000_000
"""Bytes of a form with a file: a hundred thousand rows of 160."""
_NOTE = "vizsla_note"
_LARGEST_ID = 2**63 - 1
_JOINERS = "\u200c\u200d"
"""Unseen, and part of names in Persian and Hindi."""
_OURS = re.compile(r"/(?![/\\])[\x21-\x7e]*\Z")


class FormTooLarge(VizslaError):
    """What was sent is too large. A file may have 16 MB, which is a hundred thousand rows."""

    id = "payload_too_large"


class BadForm(VizslaError):
    """The form could not be read. Load the page again and send it once more."""

    id = "wrong_params"


class _Parser(MultiPartParser):
    """One that knows whether the form broke off."""

    has_ended = False

    def on_end(self) -> None:
        self.has_ended = True
        super().on_end()

    def close(self) -> None:
        """Let go of files that are not all there."""
        for file in self._files_to_close_on_error:
            file.close()


class Form:
    """What was sent: the last value of each field, and files."""

    def __init__(self, data: FormData) -> None:
        self._data = data

    def has(self, name: str) -> bool:
        """Whether the field *name* was sent."""
        return name in self._data

    def names(self) -> list[str]:
        """The fields that were sent."""
        return list(self._data)

    def text(self, name: str, *, most: int = 1_000) -> str:
        """The field *name* without blanks round it; empty if it was not sent."""
        return _storable(self.exact(name, most=most)).strip()

    def line(self, name: str, *, most: int = 1_000) -> str:
        """The field *name* as one line of what can be seen: a name must not turn the text round it about, or end its line."""
        return " ".join(
            "".join(
                mark if mark.isprintable() or mark in _JOINERS else " " for mark in self.text(name, most=most)
            ).split()
        )

    def exact(self, name: str, *, most: int = 1_000) -> str:
        """The field *name* as typed, for passwords."""
        value = self._data.get(name)
        return value[:most] if isinstance(value, str) else ""

    def texts(self, name: str) -> list[str]:
        """Every value of *name*."""
        return [value for value in self._data.getlist(name) if isinstance(value, str)]

    def number(self, name: str) -> int | None:
        """The field *name* as a number; None if it is none."""
        text = self.text(name)
        return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None

    def file_kind(self, name: str) -> str:
        """The content type that the browser gives for the file *name*; empty if there is none."""
        value = self._data.get(name)
        return value.content_type or "" if isinstance(value, UploadFile) else ""

    async def file(self, name: str) -> tuple[str, bytes] | None:
        """The file *name*: what it is called and what is in it; None if none was chosen."""
        value = self._data.get(name)
        if not isinstance(value, UploadFile) or not value.filename:
            return None
        try:
            return value.filename, await value.read()
        finally:
            await value.close()


class Visit:
    """One request of a person."""

    def __init__(self, request: Request, house: House, visitor: Visitor | None) -> None:
        self.request = request
        self.house = house
        self.known = visitor
        self.now = house.services.clock.now()

    @property
    def visitor(self) -> Visitor:
        """Who is signed in, on a page that only those see."""
        assert self.known is not None
        return self.known

    @property
    def is_led_here(self) -> bool:
        """Whether another site's link led here: then nothing is asked that would be counted."""
        return self.request.headers.get("sec-fetch-site", "none") in ("cross-site", "same-site")

    @property
    def stores(self) -> Stores:
        """Both databases."""
        return self.house.services.stores

    @property
    def client(self) -> str:
        """The address the request came from."""
        return self.request.client.host if self.request.client else ""

    async def member(self) -> Member:
        """Who is signed in, as the rooms know them."""
        found = await find_member(self.stores.app, self.visitor.account_id, self.visitor.member_id)
        assert found is not None
        return found

    async def asker(self) -> Asker:
        """Who is signed in, as one whose questions are counted."""
        return Asker(self.house.services, await self.house.caller(self.visitor), self.now)

    def number_in_path(self, name: str = "id") -> int:
        """The number *name* of the path. Raises NotFound for one that no row can have."""
        number = int(self.request.path_params[name])
        if number >= 2**63:
            raise NotFound
        return number

    def query(self, name: str, *, most: int = 1_000) -> str:
        """A parameter of the address, without blanks round it."""
        return _storable(self.request.query_params.get(name, "")[:most]).strip()

    def count(self, name: str, *, most: int = _LARGEST_ID) -> int:
        """A parameter of the address that is a number from 0 on; 0 if it is none."""
        text = self.query(name, most=20)
        return min(int(text), most) if text.isascii() and text.isdigit() else 0

    def id(self, name: str = "id") -> int:
        """The number in the path. Raises NotFound for one that nothing can have."""
        found = int(self.request.path_params[name])
        if found > _LARGEST_ID:
            raise NotFound("There is nothing at this path.")
        return found

    async def form(self, *, largest: int = LARGEST_FORM) -> Form:
        """What was sent. Raises FormTooLarge and BadForm."""
        declared = self.request.headers.get("content-length", "")
        if declared.isdigit() and int(declared[:20]) > largest:
            raise FormTooLarge
        kind, options = parse_options_header(self.request.headers.get("content-type", ""))
        body = _bounded(self.request.stream(), largest)
        try:
            if kind == b"multipart/form-data":
                if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
                    # No browser says so (RFC 7578 5.1.2), and some of Python's encodings make text that no database takes.
                    raise BadForm
                parser = _Parser(self.request.headers, body, max_files=1, max_fields=2_000)
                form = Form(await parser.parse())
                if not parser.has_ended:
                    parser.close()
                    raise BadForm
                return form
            return Form(await FormParser(self.request.headers, body).parse())
        except (MultiPartException, UnicodeError, ValueError, KeyError):
            raise BadForm from None

    def link(self, path: str) -> str:
        """*path* as it may stand in a mail: at the address that the operator set, whatever this request says of itself."""
        return self.house.base_url + path

    def page(self, name: str, *, status: int = 200, **values: object) -> Response:
        """A page from its template; what was to be said after the last request is said on it."""
        note = _read_note(self.request.cookies.get(_NOTE))
        response = render(self.house, self.request, self.known, name, status=status, note=note, values=values)
        if note is not None:
            response.delete_cookie(_NOTE, path="/")
        return response

    def go(self, path: str, note: str = "", *, undo: str = "") -> Response:
        """
        On to *path* of ours, by GET, and say *note* there.

        *undo* is a path of ours: a button beside the note posts to it.
        """
        response = RedirectResponse(own_path(path), 303)
        if note:
            packed = base64.urlsafe_b64encode(msgspec.json.encode(Note(note, undo))).decode()
            response.set_cookie(_NOTE, packed, max_age=60, httponly=True, samesite="lax", secure=self.house.is_https)
        return response

    def sign_in(self, response: Response, token: str) -> Response:
        """Hand over a session; whatever cookie was there before is worth nothing."""
        response.set_cookie(
            cookie_name(self.house),
            token,
            max_age=ABSOLUTE,
            path="/",
            httponly=True,
            samesite="lax",
            secure=self.house.is_https,
        )
        return response

    def sign_out(self, response: Response) -> Response:
        """Take the session's cookie back."""
        response.delete_cookie(cookie_name(self.house), path="/", secure=self.house.is_https, httponly=True)
        return response

    def must_manage(self) -> None:
        """Raises NotAllowed unless the visitor is an owner or an admin of their team."""
        require_manager(self.visitor.role)


def cookie_name(house: House) -> str:
    """Over TLS a name that browsers take from this very host alone (`__Host-`, RFC 6265bis §4.1.3.2)."""
    return "__Host-vizsla_session" if house.is_https else "vizsla_session"


async def find_visitor(request: Request, house: House) -> Visitor | None:
    """Who is behind the session cookie."""
    token = request.cookies.get(cookie_name(house))
    if not token:
        return None
    services = house.services
    return await find_session(services.stores.app, token, services.clock.now())


def is_ours(request: Request, house: House) -> bool:
    """Whether a request that changes something comes from one of our own pages."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("origin")
    if origin is not None:
        return origin.partition("://")[2] == request.headers.get("host", "")
    return cookie_name(house) not in request.cookies


def own_path(path: str) -> str:
    """*path* if it is a path of this server and nothing else, or the start page: an address given to us leads nowhere else."""
    return path if _OURS.match(path) else "/"


def _storable(text: str) -> str:
    """*text* with a mark in place of each NUL, which PostgreSQL keeps in no text."""
    return text.replace("\0", "\ufffd")


async def _bounded(stream: AsyncIterator[bytes], largest: int) -> AsyncGenerator[bytes, None]:
    size = 0
    async for chunk in stream:
        size += len(chunk)
        if size > largest:
            raise FormTooLarge
        yield chunk


def _read_note(packed: str | None) -> Note | None:
    if not packed or len(packed) > 2_000:
        return None
    with contextlib.suppress(ValueError, msgspec.MsgspecError):
        note = msgspec.json.decode(base64.urlsafe_b64decode(packed), type=Note)
        return Note(note.text[:300], own_path(note.undo) if note.undo else "")
    return None
