"""
Who reads the pages: Vizsla, a plain regular expression, a published package?

Every reader is a function from a labelled page and its bytes to what it found there, or None when it gave up.
"""

import multiprocessing
import re
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection

from selectolax.lexbor import LexborHTMLParser

from evaluation.extraction import Read
from evaluation.labels import Page

Reader = Callable[[Page, bytes], Iterable[Read] | None]

USUAL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
"""What most programs write. Bounded look-back is missing on purpose: so is it in them."""
PEER_SECONDS = 2.0
"""A page for a peer: it reads most in milliseconds, and some for minutes (its expression is quadratic)."""
FETCHED_AT = 1_760_000_000


def vizsla(*, decoding: bool) -> Reader:
    from vizsla.harvest import records
    from vizsla.harvest.extract.page import extract

    def read(page: Page, body: bytes) -> list[Read]:
        uri = page.uri if "://" in page.uri else f"https://page.invalid/{page.uri}"
        found = extract(records.Page(uri=uri, fetched_at=FETCHED_AT, body=body), decode_protected=decoding).observations
        by_name = sorted(found, key=lambda observation: -observation.name_score)
        return [Read(f"{seen.local}@{seen.domain}", seen.first_name, seen.last_name, seen.position) for seen in by_name]

    return read


def regex_over_source(page: Page, body: bytes) -> list[Read]:
    return [Read(email) for email in USUAL.findall(decode(body))]


def regex_over_text(page: Page, body: bytes) -> list[Read]:
    document = LexborHTMLParser(decode(body))
    document.strip_tags(["script", "style"])
    text = document.body.text(separator=" ") if document.body else ""
    return [Read(email.rstrip(".")) for email in USUAL.findall(text)]


class ExtractEmails:
    """
    The extract-emails package, in a process of its own.

    A page that takes longer than PEER_SECONDS ends that process; the page counts as failed.
    """

    def __init__(self, extractor: str) -> None:
        self.extractor = extractor
        self.process: multiprocessing.process.BaseProcess | None = None
        self.pipe: Connection | None = None

    def __call__(self, page: Page, body: bytes) -> list[Read] | None:
        if self.process is None:
            self._start()
        self.pipe.send(decode(body))
        try:
            found = self.pipe.recv() if self.pipe.poll(PEER_SECONDS) else None
        except EOFError:
            found = None
        if found is None:
            self.close()
            return None
        return [Read(email) for email in found]

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.pipe.close()
            self.process = self.pipe = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.extractor), daemon=True)
        self.process.start()
        theirs.close()
        self.pipe.send("")  # The first answer waits for imports; it is no page's time.
        self.pipe.recv()


def _serve(pipe: Connection, extractor: str) -> None:
    from extract_emails.data_extractors import email_extractor
    from extract_emails.data_extractors.advanced_email_extractor import AdvancedEmailExtractor

    reader = AdvancedEmailExtractor() if extractor == "advanced" else email_extractor.EmailExtractor()
    while True:
        try:
            pipe.send(sorted(reader.get_data(pipe.recv())))
        except EOFError:
            return


def decode(body: bytes) -> str:
    declared = re.search(rb"charset=[\"']?([\w-]+)", body[:2048])
    try:
        return body.decode(declared[1].decode() if declared else "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
