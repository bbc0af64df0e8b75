"""What an index says is judged before anything is asked for, and the best pages are chosen in whatever order they come."""

import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import gz, page_about, record, response
from vizsla.commoncrawl.choosing import Choice, choose_by_domain
from vizsla.commoncrawl.listed import CommonCrawlError, Listed, check_crawl, read_line, surt_spans
from vizsla.commoncrawl.paths import shard_of
from vizsla.commoncrawl.ranges import GAP, MOST_BYTES, join_ranges, judge_record
from worlds.common_crawl import surt

GOOD = {
    "url": "https://acme.com/team",
    "timestamp": "20261002030405",
    "status": "200",
    "mime": "text/html",
    "digest": "A" * 32,
    "length": "10",
    "offset": "20",
    "filename": "crawl-data/CC-MAIN-2026-40/segments/1.2/warc/a-1.warc.gz",
}
PAGE = page_about("Team", "jane@acme.com")


def read(**changes: object) -> tuple[Listed | None, dict[str, int]]:
    dropped: Counter[str] = Counter()
    return read_line(json.dumps(GOOD | changes).encode(), dropped), dict(dropped)


def listed(number: int, uri: str = "", *, at: int = 0, length: int = 10, filename: str = "a/b.warc.gz") -> Listed:
    return Listed(uri or f"https://acme.com/{number}", 1_000, "", filename, at, length)


def test_a_row_says_where_a_page_lies() -> None:
    row, dropped = read()
    assert row is not None
    assert (row.uri, row.fetched_at, row.digest) == ("https://acme.com/team", 1_790_910_245, "sha1:" + "A" * 32)
    assert (row.offset, row.length, row.domain, dropped) == (20, 10, "acme.com", {})
    assert read(digest="no digest")[0].digest == ""  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"filename": "../../etc/passwd"}, "no_such_file"),
        ({"filename": "crawl-data/../../../etc/passwd.warc.gz"}, "no_such_file"),
        ({"filename": "/etc/passwd.warc.gz"}, "no_such_file"),
        ({"filename": "https://evil.test/a.warc.gz"}, "no_such_file"),
        ({"filename": "//evil.test/a.warc.gz"}, "no_such_file"),
        ({"filename": "a/.hidden/b.warc.gz"}, "no_such_file"),
        ({"filename": "a/b.warc.gz?x=1"}, "no_such_file"),
        ({"filename": "a/%2e%2e/b.warc.gz"}, "no_such_file"),
        ({"filename": "a\\b.warc.gz"}, "no_such_file"),
        ({"filename": "a/b.warc.gz\n"}, "no_such_file"),
        ({"filename": "a/b.parquet"}, "no_such_file"),
        ({"filename": "a/" * 400 + "b.warc.gz"}, "no_such_file"),
        ({"offset": "-1"}, "no_such_place"),
        ({"length": "0"}, "no_such_place"),
        ({"length": str(1 << 40)}, "no_such_place"),
        ({"offset": str(1 << 60)}, "no_such_place"),
        ({"offset": "ten"}, "index_row_broken"),
        ({"length": 10}, "index_row_broken"),
        ({"timestamp": "yesterday"}, "index_row_broken"),
        ({"timestamp": "00000000000000"}, "index_row_broken"),
        ({"url": "https://acme.com/" + "x" * 3_000}, "no_such_uri"),
        ({"url": "file:///etc/passwd"}, "no_such_uri"),
        ({"url": "https://127.0.0.1/"}, "no_such_uri"),
        ({"url": "https://[::1/"}, "no_such_uri"),
        ({"status": "404"}, "status_not_200"),
        ({"mime": "application/pdf"}, "not_html"),
        ({"mime": "unk"}, "not_html"),
    ],
)
def test_a_row_that_cannot_be_true_is_counted(changes: dict[str, object], reason: str) -> None:
    assert read(**changes) == (None, {reason: 1})


def test_what_a_server_did_not_say_is_taken_from_what_was_seen() -> None:
    row, _ = read(**{"mime": "unk", "mime-detected": "text/html"})
    assert row is not None


@given(st.binary(max_size=200))
def test_any_line_is_a_row_or_is_counted(line: bytes) -> None:
    dropped: Counter[str] = Counter()
    assert (read_line(line, dropped) is None) == (dropped.total() == 1)


@pytest.mark.parametrize(
    "name", ["CC-MAIN-2026-40/..", "", "2026-40", "CC-MAIN-2026-40?x", "cc-main-2026-40", "CC-MAIN-20260"]
)
def test_a_crawl_has_a_plain_name(name: str) -> None:
    with pytest.raises(CommonCrawlError):
        check_crawl(name)
    assert check_crawl("CC-MAIN-2026-40") == "CC-MAIN-2026-40"


@pytest.mark.parametrize(
    ("url", "inside"),
    [
        ("https://acme.com/", True), ("https://www.acme.com/a?b", True), ("https://eu.shop.acme.com/x", True),
        ("https://acme.company/", False), ("https://notacme.com/", False), ("https://acme.com.br/", False),
        ("https://acme-x.com/", False), ("https://a.de/", True), ("https://x.y.de/z", True), ("https://a.dev/", False),
        ("https://b.co.uk/", True), ("https://b.org.uk/", False),
    ],
)  # fmt: skip
def test_spans_hold_the_pages_of_a_domain_and_no_others(url: str, inside: bool) -> None:
    spans = surt_spans(["acme.com", "acme.de"], ["de", "co.uk"])
    assert any(low <= surt(url) < high for low, high in spans) == inside
    assert spans == sorted(spans)
    assert len(spans) == 3  # acme.de is within de


@settings(max_examples=50)
@given(st.data())
def test_the_choice_does_not_depend_on_the_order(data: st.DataObject) -> None:
    uris = [f"https://acme.com/{path}" for path in ("", "contact", "team", "a/b/c", "a/b", "x?y=1", "x", "blog/2020/1")]
    rows = [Listed(uri, at, "", "f", at, 1) for uri in uris for at in (1, 2)]
    choice = Choice(3, {"https://acme.com/blog/2020/1"})
    for row in data.draw(st.permutations(rows)):
        choice.offer(row)
    assert [(row.uri.removeprefix("https://acme.com"), row.fetched_at) for row in choice.taken()] == [
        ("/blog/2020/1", 2), ("/", 2), ("/team", 2),
    ]  # fmt: skip


def test_of_a_focus_only_the_pages_on_companies_stay_so_many_of_each_domain() -> None:
    rows = [
        Listed(f"https://{host}/{path}", 1, "", "f", 1, 1)
        for host in ("a.de", "www.b.de")
        for path in ("", "impressum", "blog/1", "kontakt", "ueber-uns.html", "produkte")
    ]
    chosen = [row.uri for row in choose_by_domain(rows, 3, only_profiles=True)]
    assert chosen == [
        "https://a.de/", "https://a.de/kontakt", "https://a.de/impressum",
        "https://www.b.de/", "https://www.b.de/kontakt", "https://www.b.de/impressum",
    ]  # fmt: skip


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 50), st.integers(1, 60_000)), max_size=40))
def test_ranges_hold_every_record_once_and_are_bounded(places: list[tuple[str, int, int]]) -> None:
    rows = sorted(
        (
            listed(n, filename=f"{file}.warc.gz", at=at * 30_000, length=length)
            for n, (file, at, length) in enumerate(places)
        ),
        key=lambda row: (row.filename, row.offset, row.uri),
    )
    ranges = list(join_ranges(rows))
    for part in ranges:
        assert part.length <= MOST_BYTES + max(row.length for row in part.rows)
        for row in part.rows:
            assert part.start <= row.offset
            assert row.offset + row.length <= part.start + part.length
    assert len({(row.filename, row.offset) for row in rows}) == sum(len(part.rows) for part in ranges)
    ends = [(one.filename, one.start + one.length, two.filename, two.start) for one, two in pairwise(ranges)]
    assert all(file != other or start > end + GAP for file, end, other, start in ends)


def test_a_record_is_what_was_listed() -> None:
    good = gz(response("https://acme.com/team", PAGE))
    row = Listed("https://acme.com/team", 1, "", "f", 0, len(good))
    assert judge_record(row, good) == ""
    assert judge_record(row, good[:-1]) == "record_cut"
    for data, reason in (
        (gz(response("https://acme.com/other", PAGE)), "record_differs"),
        (gz(record("https://acme.com/team", PAGE, kind="request")), "record_differs"),
        (gz(b"root:x:0:0:root:/root:/bin/bash\n"), "record_differs"),
        (good + good, "record_differs"),
        (good[:-8] + b"\0" * 8, "record_broken"),
        (b"<html>" * 100, "record_broken"),
        (gz(b"WARC/1.0\r\n" + b"x" * (80 << 20)), "record_too_large"),
        (good[:40], "record_cut"),
    ):
        assert judge_record(Listed("https://acme.com/team", 1, "", "f", 0, len(data)), data) == reason


def test_shards_are_the_whole() -> None:
    names = [str(number) for number in range(10)]
    assert sorted(name for number in (1, 2, 3) for name in shard_of(names, f"{number}/3")) == names
    for wrong in ("0/3", "4/3", "1", "a/b", "1/0", "-1/2"):
        with pytest.raises(CommonCrawlError):
            shard_of(names, wrong)
