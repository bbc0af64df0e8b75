"""
Writes the sample: five invented companies, as a crawler would have brought them home.

    python samples/make_sample.py [WARC [TRUTH]]

Everything is invented and stands under `.example` (RFC 2606). The same bytes come out each time, compression aside: dates
are fixed, ids are made from what they name.
"""

import base64
import hashlib
import json
import struct
import sys
import uuid
import zlib
from io import BytesIO
from pathlib import Path

from warcio.recordloader import ArcWarcRecord
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import brewery
import elsewhere
import law_firm
import logistics
import startup
import studio
from world import Capture, Person, Site

ROOT = Path(__file__).parent.parent
WARC = ROOT / "src" / "vizsla" / "harvest" / "sample" / "companies.warc.gz"
TRUTH = Path(__file__).parent / "addresses.json"
COMPANIES = (brewery, law_firm, startup, studio, logistics)
AGENT = "vizsla-sample/1.0"
IDENTICAL = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"


def list_sites() -> list[Site]:
    return [*(company.site() for company in COMPANIES), *elsewhere.sites()]


def write_warc(path: Path, sites: list[Site]) -> None:
    """One gzip member a record, request, response and metadata together, in the order they were fetched."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True, warc_version="1.1")
        captures = sorted(
            (capture for site in sites for capture in site.captures), key=lambda capture: (capture.at, capture.uri)
        )
        info = {
            "software": AGENT,
            "format": "WARC File Format 1.1",
            "description": "Five invented companies under .example (RFC 2606)",
        }
        record = writer.create_warcinfo_record(None, info)
        record.rec_headers.replace_header("WARC-Record-ID", _record_id("warcinfo"))
        record.rec_headers.replace_header("WARC-Date", _stamp(captures[0]))
        writer.write_record(record)
        for capture in captures:
            for record in _records(writer, capture):
                writer.write_record(record)


def write_truth(path: Path, sites: list[Site]) -> None:
    """
    Which addresses each page holds: `open` for every reader, `protected` for one that undoes protections; and whose they are.

    Redirects, errors, files and revisits hold none.
    """
    pages = {
        f"{capture.uri} {capture.at:%Y-%m-%d}": {"open": sorted(capture.holds), "protected": sorted(capture.guarded)}
        for site in sites
        for capture in site.captures
        if capture.holds or capture.guarded
    }
    people = {
        person.email: {"first_name": person.first, "last_name": person.last, "position": person.position}
        for company in COMPANIES
        for person in vars(company).values()
        if isinstance(person, Person)
    }
    truth = {"pages": dict(sorted(pages.items())), "people": dict(sorted(people.items()))}
    path.write_text(json.dumps(truth, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _records(writer: WARCWriter, capture: Capture) -> list[ArcWarcRecord]:
    path = "/" + capture.uri.split("/", 3)[3]
    asked = StatusAndHeaders(
        f"GET {path} HTTP/1.1", [("Host", capture.uri.split("/")[2]), ("User-Agent", AGENT)], is_http_request=True
    )
    answer_id = _record_id("response", capture)
    request = writer.create_warc_record(
        capture.uri,
        "request",
        payload=BytesIO(),
        http_headers=asked,
        warc_headers_dict=_named("request", capture, {"WARC-Concurrent-To": answer_id}),
    )
    notes = BytesIO(f"fetchTimeMs: {80 + len(capture.body) % 170}\r\n".encode())
    metadata = writer.create_warc_record(
        capture.uri,
        "metadata",
        payload=notes,
        warc_content_type="application/warc-fields",
        warc_headers_dict=_named("metadata", capture, {"WARC-Concurrent-To": answer_id}),
    )
    return [request, _revisit(writer, capture) if capture.revisit_of else _response(writer, capture), metadata]


def _response(writer: WARCWriter, capture: Capture) -> ArcWarcRecord:
    body, coding = capture.body, ()
    if capture.coding == "gzip":
        body, coding = _gzipped(body), (("Content-Encoding", "gzip"),)
    elif capture.coding == "chunked":
        body, coding = _chunked(body), (("Transfer-Encoding", "chunked"),)
    length = () if capture.coding == "chunked" else (("Content-Length", str(len(body))),)
    headers = StatusAndHeaders(
        capture.status,
        [("Content-Type", capture.content_type), *capture.headers, *coding, *length],
        protocol="HTTP/1.1",
    )
    return writer.create_warc_record(
        capture.uri,
        "response",
        payload=BytesIO(body),
        http_headers=headers,
        warc_headers_dict=_named("response", capture, {"WARC-IP-Address": "192.0.2.10"}),
    )


def _revisit(writer: WARCWriter, capture: Capture) -> ArcWarcRecord:
    assert capture.revisit_of is not None
    first = Capture(capture.uri, capture.revisit_of, capture.body)
    named = {
        "WARC-Profile": IDENTICAL,
        "WARC-Refers-To": _record_id("response", first),
        "WARC-Refers-To-Target-URI": capture.uri,
        "WARC-Refers-To-Date": _stamp(first),
        "WARC-Payload-Digest": "sha1:" + _sha1(capture.body),
    }
    headers = StatusAndHeaders(
        capture.status, [("Content-Type", capture.content_type), *capture.headers], protocol="HTTP/1.1"
    )
    return writer.create_warc_record(
        capture.uri,
        "revisit",
        payload=BytesIO(),
        http_headers=headers,
        warc_headers_dict=_named("response", capture, named),
    )


def _named(kind: str, capture: Capture, more: dict[str, str]) -> dict[str, str]:
    return {"WARC-Record-ID": _record_id(kind, capture), "WARC-Date": _stamp(capture), **more}


def _record_id(kind: str, capture: Capture | None = None) -> str:
    name = f"{kind} {capture.uri} {_stamp(capture)}" if capture else kind
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, name)}>"


def _stamp(capture: Capture) -> str:
    return capture.at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _sha1(body: bytes) -> str:

    return base64.b32encode(hashlib.sha1(body).digest()).decode()


def _gzipped(body: bytes) -> bytes:
    # Stored, not deflated: what a deflater makes differs from one build of zlib to the next.
    blocks = [body[at : at + 65_535] for at in range(0, len(body), 65_535)]
    stored = b"".join(
        bytes([at == len(blocks) - 1]) + struct.pack("<HH", len(block), len(block) ^ 0xFFFF) + block
        for at, block in enumerate(blocks)
    )
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + stored + struct.pack("<II", zlib.crc32(body), len(body) & 0xFFFFFFFF)


def _chunked(body: bytes) -> bytes:
    # Chunks of 700 bytes cut addresses in two somewhere; the reader has to put them together first.
    chunks = [body[at : at + 700] for at in range(0, len(body), 700)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


if __name__ == "__main__":
    made = list_sites()
    write_warc(Path(sys.argv[1]) if len(sys.argv) > 1 else WARC, made)
    write_truth(Path(sys.argv[2]) if len(sys.argv) > 2 else TRUTH, made)
