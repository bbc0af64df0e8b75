"""Captures of archives, whole and broken."""

import gzip
import zlib
from collections import Counter
from pathlib import Path

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import SECONDS, gz, page_about, record, request, response
from vizsla.harvest.records import Page
from vizsla.harvest.sources import HarvestError, find_sources
from vizsla.harvest.warc import MAX_BODY, Capture, payload_digest, read_captures, read_pages

BODY = page_about("Acme", "jane@acme.example") * 20


def pages_of(path: Path, content: bytes) -> tuple[list[Page], Counter[str]]:
    path.write_bytes(content)
    dropped: Counter[str] = Counter()
    return list(read_pages(str(path), dropped)), dropped


def captures_of(path: Path, content: bytes) -> tuple[list[Capture], Counter[str]]:
    path.write_bytes(content)
    dropped: Counter[str] = Counter()
    return list(read_captures(find_sources([str(path)])[0], dropped)), dropped


def ten() -> list[bytes]:
    return [response(f"https://a{n}.example/", BODY) for n in range(10)]


def uris(numbers: list[int]) -> list[str]:
    return [f"https://a{n}.example/" for n in numbers]


@pytest.mark.parametrize(
    "pack", [gz, lambda *records: b"".join(records), lambda *records: gzip.compress(b"".join(records))]
)
def test_a_page_is_what_the_record_says(tmp_path, pack):
    warc = pack(
        record("", b"software: x\r\n", kind="warcinfo", content_type="application/warc-fields"),
        request("https://acme.example/"),
        response(
            "https://acme.example/",
            BODY,
            "X-Powered-By: a",
            "x-powered-by: b",
            content_type="text/html; charset=latin1",
        ),
        record("https://acme.example/", b"x: y\r\n", kind="metadata", content_type="application/warc-fields"),
    )
    pages, dropped = pages_of(tmp_path / "a.warc", warc)

    assert pages == [
        Page(
            "https://acme.example/",
            SECONDS,
            BODY,
            "text/html; charset=latin1",
            {"content-type": "text/html; charset=latin1", "x-powered-by": "a, b"},
        )
    ]
    assert not dropped


def test_what_is_no_page_is_counted_by_reason(tmp_path):
    warc = gz(
        response("https://a.example/1", BODY, status="404 Not Found"),
        response("https://a.example/2", BODY, content_type="image/png"),
        response("https://a.example/3", b""),
        response("https://a.example/" + "4" * 3_000, BODY),
        response("https://a.example/5", BODY, date="2026-13-45T00:00:00Z"),
        response("", BODY),
        record("https://a.example/7", b"\0\1\2"),
        response("https://a.example/8", BODY, content_type=None),
        response("https://a.example/9", BODY, content_type="Application/XHTML+xml"),
    )
    pages, dropped = pages_of(tmp_path / "a.warc.gz", warc)

    assert [page.uri[-1] for page in pages] == ["8", "9"]
    assert dropped == {
        "status_not_200": 1, "not_html": 1, "empty": 1, "uri_too_long": 1, "record_without_date": 1, "record_without_uri": 1,
        "not_http": 1,
    }  # fmt: skip


def chunked(body: bytes, size: int = 100) -> bytes:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x;ext=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\nTrailer: x\r\n\r\n"


def raw_deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(body) + stream.flush()


@pytest.mark.parametrize(
    ("sent", "headers"),
    [
        (chunked(BODY), ["Transfer-Encoding: chunked"]),
        (gzip.compress(BODY), ["Content-Encoding: gzip"]),
        (gzip.compress(BODY), ["Content-Encoding: x-gzip"]),
        (chunked(gzip.compress(BODY)), ["Transfer-Encoding: chunked", "content-encoding: GZIP"]),
        (zlib.compress(BODY), ["Content-Encoding: deflate"]),
        (raw_deflate(BODY), ["Content-Encoding: deflate"]),
        (brotli.compress(BODY), ["Content-Encoding: br"]),
        (brotli.compress(gzip.compress(BODY)), ["Content-Encoding: gzip, br"]),
        (BODY, ["Content-Encoding: gzip"]),
        (b"  " + BODY, ["Content-Encoding: br", "Transfer-Encoding: chunked"]),
        (gzip.compress(BODY)[:-4] + b"oops", ["Content-Encoding: gzip"]),
    ],
)
def test_encodings_are_taken_off(tmp_path, sent, headers):
    pages, dropped = pages_of(tmp_path / "a.warc.gz", gz(response("https://a.example/", sent, *headers)))

    assert [page.body.strip() for page in pages] == [BODY]
    assert not dropped


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "zstd", "compress", "gzip,gzip,gzip,gzip"])
def test_a_body_that_does_not_decode_is_counted(tmp_path, encoding):
    broken = response("https://a.example/", bytes(range(256)) * 4, f"Content-Encoding: {encoding}")
    pages, dropped = pages_of(tmp_path / "a.warc.gz", gz(broken, response("https://b.example/", BODY)))

    assert [page.uri for page in pages] == ["https://b.example/"]
    assert dropped == {"encoding_broken": 1}


def test_a_long_body_is_cut_at_the_limit(tmp_path):
    zeros = response("https://a.example/", gzip.compress(bytes(3 * MAX_BODY)), "Content-Encoding: gzip")
    long = response("https://b.example/", b"<p>" * (2 * MAX_BODY))
    pages, dropped = pages_of(tmp_path / "a.warc.gz", gz(zeros, long, response("https://c.example/", BODY)))

    assert [len(page.body) for page in pages] == [MAX_BODY, MAX_BODY, len(BODY)]
    assert dropped == {"body_cut_at_limit": 2}


def spoilt(member: bytes) -> bytes:
    half = len(member) // 2
    return member[:half] + b"\xff" * 20 + member[half + 20 :]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(spoilt, id="bytes overwritten"),
        pytest.param(lambda member: member[:-8] + b"\0\0\0\0" + member[-4:], id="wrong checksum"),
        pytest.param(lambda member: member[: len(member) // 2], id="cut short"),
        pytest.param(lambda member: b"no gzip at all " * 30, id="garbage"),
        pytest.param(lambda member: b"", id="missing"),
        pytest.param(lambda member: gzip.compress(b"no record at all " * 300), id="member without a record"),
        pytest.param(
            lambda member: gzip.compress(gzip.decompress(member).replace(b"Length: ", b"Length: 1")),
            id="length too great",
        ),
        pytest.param(
            lambda member: gzip.compress(gzip.decompress(member).replace(b"Length: ", b"Length: -")),
            id="length negative",
        ),
        pytest.param(
            lambda member: gzip.compress(gzip.decompress(member).replace(b"Length: ", b"L: ")), id="length missing"
        ),
        pytest.param(lambda member: gzip.compress(b"WARC/1.0\r\nX: " + b"x" * 1_000_000), id="endless header"),
    ],
)
def test_a_broken_member_costs_only_itself(tmp_path, spoil):
    members = [gz(one) for one in ten()]
    members[4] = spoil(members[4])
    pages, dropped = pages_of(tmp_path / "a.warc.gz", b"".join(members))

    assert {*uris([0, 1, 2, 3, 5, 6, 7, 8, 9])} <= {page.uri for page in pages}
    assert all(page.body == BODY for page in pages if page.uri != "https://a4.example/")
    if members[4]:
        assert dropped.total() >= 1 or any(page.uri == "https://a4.example/" for page in pages)


def test_a_broken_record_costs_only_itself_without_gzip_too(tmp_path):
    records = ten()
    records[2] = records[2].replace(b"Content-Length: ", b"Content-Length: 1")
    records[5] = b"garbage\r\n" * 50
    pages, dropped = pages_of(tmp_path / "a.warc", b"".join(records))

    assert {*uris([0, 1, 3, 4, 6, 7, 8, 9])} <= {page.uri for page in pages}
    assert dropped["record_broken"] == 2


@pytest.mark.parametrize("pack", [gz, lambda *records: b"".join(records)])
def test_a_file_cut_in_half_gives_its_first_half(tmp_path, pack):
    whole = pack(*ten())
    pages, dropped = pages_of(tmp_path / "a.warc", whole[: len(whole) // 2 - 30])

    assert [page.uri for page in pages] == uris([0, 1, 2, 3])
    assert all(page.body == BODY for page in pages)
    assert dropped.total() >= 1


@given(data=st.data())
def test_no_damage_raises_or_invents_pages(tmp_path_factory, data):
    content = bytearray(gz(*ten()[:4]))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        action = data.draw(st.sampled_from(["flip", "delete", "insert"]))
        if action == "flip":
            content[at] ^= data.draw(st.integers(1, 255))
        elif action == "delete":
            del content[at : at + data.draw(st.integers(1, 200))]
        else:
            content[at:at] = data.draw(st.binary(max_size=50))
        content = content or bytearray(b"x")
    path = tmp_path_factory.mktemp("damage") / "a.warc.gz"
    try:
        pages, _ = pages_of(path, bytes(content))
    except HarvestError:
        return
    assert len(pages) <= 5


def test_what_is_no_archive_is_said(tmp_path):
    for content in (b"hello\n" * 1_000, gzip.compress(b"hello\n" * 1_000), b"\x1f\x8b\x08" * 100_000):
        with pytest.raises(HarvestError, match=r"a\.warc is not a WARC file"):
            pages_of(tmp_path / "a.warc", content)
    assert pages_of(tmp_path / "a.warc", b"") == ([], Counter())


def test_a_revisit_is_a_capture_without_a_body(tmp_path):
    digest = payload_digest(BODY)
    warc = gz(
        record(
            "https://a.example/", b"HTTP/1.1 200 OK\r\n\r\n", kind="revisit", date="2026-03-01T00:00:00Z",
            headers=[f"WARC-Payload-Digest: {digest}"],
        ),
        record("https://b.example/", b"HTTP/1.1 304 Not Modified\r\n\r\n", kind="revisit"),
        response("https://a.example/", BODY),
    )  # fmt: skip
    captures, dropped = captures_of(tmp_path / "a.warc.gz", warc)

    assert [(c.uri, c.digest, c.body) for c in captures] == [
        ("https://a.example/", digest, None),
        ("https://a.example/", digest, BODY),
    ]
    assert captures[0].fetched_at > captures[1].fetched_at
    assert dropped == {"revisit_without_digest": 1}


def test_a_digest_in_the_header_is_taken_as_it_is(tmp_path):
    warc = gz(response("https://a.example/", BODY, warc_headers=["WARC-Payload-Digest: sha1:ABC"]))

    assert [capture.digest for capture in captures_of(tmp_path / "a.warc.gz", warc)[0]] == ["sha1:ABC"]


def test_text_of_a_wet_file_is_plain(tmp_path):
    text = "Jane Roe jane@acme.example ☎".encode()
    wet = gz(record("https://a.example/", text, kind="conversion", content_type="text/plain"))
    pages, _ = pages_of(tmp_path / "a.warc.wet.gz", wet)

    assert pages == [Page("https://a.example/", SECONDS, text, "text/plain; charset=utf-8", {}, plain=True)]


def test_bare_line_feeds_and_brackets_of_old_archivers(tmp_path):
    block = b"HTTP/1.0 200 OK\nContent-Type: text/html\n\n" + BODY
    pages, dropped = pages_of(tmp_path / "a.warc.gz", gz(record("<https://a.example/>", block)))

    assert [(page.uri, page.body) for page in pages] == [("https://a.example/", BODY)]
    assert not dropped


def test_invalid_bytes_in_headers_do_not_reach_the_values(tmp_path):
    warc = gz(
        response("https://a.example/x", BODY, "X: y")
        .replace(b"example/x", b"example/\xff\xfe")
        .replace(b"X: y", b"X: \xff")
    )
    [page], _ = pages_of(tmp_path / "a.warc.gz", warc)

    assert page.uri.encode("utf-8")
    assert page.headers["x"].encode("utf-8")
