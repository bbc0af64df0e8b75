"""Folding rows: in any order, in any pieces, any number of times."""

import random
from itertools import chain

import pyarrow as pa
import pyarrow.parquet
from hypothesis import given, settings
from hypothesis import strategies as st

from archives import SECONDS, gz, page_about, record, response
from vizsla.harvest.job import SCHEMA, Options, Report, bucket_of, fold_files, map_file, read_rows, reduce_bucket
from vizsla.harvest.records import Fact, Sighting, Visit
from vizsla.harvest.sources import find_sources
from vizsla.harvest.warc import payload_digest

few = st.sampled_from
texts = few([None, "a", "b", "Zoë"])
times = st.integers(0, 4)
domains = few(["acme.example", "b.example"])
uris = few(["https://acme.example/", "https://b.example/x"])


@st.composite
def rows(draw):
    """A row of any kind as `map_file` makes them, from so few values that many meet."""
    kind = draw(st.integers(0, 2))
    domain, uri, seen = draw(domains), draw(uris), draw(times)
    row = dict.fromkeys(SCHEMA.names) | {"bucket": bucket_of(domain, 3), "kind": kind, "domain": domain, "uri": uri}
    row |= {"first_seen": seen, "last_seen": seen}
    if kind == 0:
        row |= {
            "local": draw(few(["jane", "info"])),
            "how": draw(few(["text", "mailto"])),
            "name_score": draw(st.integers(0, 4)),
        }
        row |= {
            name: draw(texts)
            for name in ("first_name", "last_name", "position", "phone", "twitter", "linkedin", "lang")
        }
        row["digest"] = draw(few(["sha1:A", "sha1:B"]))
    elif kind == 1:
        row |= {
            "key": draw(few(["organization", "phone"])),
            "value": draw(few(["Acme", "Bcme"])),
            "weight": draw(st.integers(1, 3)),
        }
    else:
        row |= {"domain": uri.split("/")[2], "digest": draw(few(["sha1:A", "sha1:B"]))}
        row["bucket"] = bucket_of(row["domain"], 3)
    return row


def table(some: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(some, SCHEMA)


@settings(max_examples=25, deadline=None)
@given(some=st.lists(rows(), max_size=40), cut=st.integers(0, 40), seed=st.randoms())
def test_folding_does_not_mind_order_pieces_or_repetition(some, cut, seed):
    once = reduce_bucket(table(some))
    shuffled = random.Random(seed.random()).sample(some, len(some))
    halves = [reduce_bucket(table(half)) for half in (shuffled[:cut], shuffled[cut:])]

    assert once.schema == SCHEMA
    assert reduce_bucket(pa.concat_tables(halves)).equals(once)
    assert reduce_bucket(pa.concat_tables([once, table(shuffled), once])).equals(once)


@settings(max_examples=25, deadline=None)
@given(some=st.lists(rows(), min_size=1, max_size=30))
def test_the_fold_is_what_it_says(some):
    folded = list(read_rows(reduce_bucket(table(some))))
    plain = list(read_rows(table(some)))

    sightings = {(s.domain, s.local, s.uri): s for s in folded if isinstance(s, Sighting)}
    for key, folded_one in sightings.items():
        same = [s for s in plain if isinstance(s, Sighting) and (s.domain, s.local, s.uri) == key]
        latest = [s for s in same if s.last_seen == folded_one.last_seen]
        assert folded_one.first_seen == min(s.first_seen for s in same)
        assert folded_one.last_seen == max(s.last_seen for s in same)
        assert folded_one.name_score == max(s.name_score for s in latest)
        evidence = (
            "how",
            "first_name",
            "last_name",
            "name_score",
            "position",
            "phone",
            "twitter",
            "linkedin",
            "lang",
            "digest",
        )
        assert any(all(getattr(s, name) == getattr(folded_one, name) for name in evidence) for s in latest)
    assert {(s.domain, s.local, s.uri) for s in plain if isinstance(s, Sighting)} == sightings.keys()

    facts = {(f.domain, f.key, f.value, f.uri): f for f in folded if isinstance(f, Fact)}
    for f in plain:
        if isinstance(f, Fact):
            assert facts[f.domain, f.key, f.value, f.uri].seen_at >= f.seen_at
    visits = {v.uri: v for v in folded if isinstance(v, Visit)}
    for uri, visit in visits.items():
        same_page = [v for v in plain if isinstance(v, Visit) and v.uri == uri]
        newest = max(v.fetched_at for v in same_page)
        assert visit.fetched_at == newest
        assert visit.digest in {v.digest for v in same_page if v.fetched_at == newest}


def mapped(tmp_path, *records: bytes, **options) -> tuple[list, Report]:
    path = tmp_path / "a.warc.gz"
    path.write_bytes(gz(*records))
    report = Report()
    batches = map_file(find_sources([str(path)])[0], Options(**options), report)
    return list(chain.from_iterable(read_rows(batch) for batch in batches)), report


def test_every_page_read_is_a_visit_and_every_address_a_sighting(tmp_path):
    team = page_about("Team", "jane.roe@acme.example")
    found, report = mapped(
        tmp_path,
        response("https://www.acme.example/team", team),
        response("https://www.acme.example/empty/of/all", b"<p>nothing here"),
        record(
            "https://www.acme.example/team", b"HTTP/1.1 200 OK\r\n\r\n", kind="revisit", date="2026-05-01T00:00:00Z",
            headers=[f"WARC-Payload-Digest: {payload_digest(team)}"],
        ),
        response("http://192.0.2.7/x/y", b"<p>nothing here"),
    )  # fmt: skip
    visits = [row for row in found if isinstance(row, Visit)]
    [sighting] = [row for row in found if isinstance(row, Sighting)]

    assert {(v.uri, v.domain) for v in visits} == {
        ("https://www.acme.example/team", "acme.example"),
        ("https://www.acme.example/empty/of/all", "acme.example"),
        ("http://192.0.2.7/x/y", ""),
    }
    assert (sighting.domain, sighting.local, sighting.last_seen) == ("acme.example", "jane.roe", SECONDS)
    revisit = max(visits, key=lambda visit: visit.fetched_at)
    assert revisit.fetched_at > sighting.last_seen
    assert revisit.digest == sighting.digest
    assert (report.pages, report.pages_read, report.visits, report.observations) == (3, 1, 4, 1)


def test_a_wet_record_is_no_visit(tmp_path):
    # Its text lacks what stood in links and scripts, so it must not make those addresses look gone.
    text = b"Write to jane@acme.example"
    found, _ = mapped(tmp_path, record("https://acme.example/x", text, kind="conversion", content_type="text/plain"))

    assert [type(row) for row in found] == [Sighting]


def test_files_fold_as_tables_do(tmp_path):
    pages = [response(f"https://acme.example/{n}", page_about("x", f"jane{n % 3}@b{n % 5}.example")) for n in range(40)]
    (tmp_path / "a.warc.gz").write_bytes(gz(*pages))
    batches = list(map_file(find_sources([str(tmp_path)])[0], Options(buckets=4), Report()))
    rows_of_all = pa.Table.from_batches(batches)
    pa.parquet.write_table(rows_of_all, tmp_path / "rows.parquet")
    files = [str(tmp_path / "rows.parquet")]
    by_file = [pa.Table.from_batches(fold_files(files, n, str(tmp_path)), SCHEMA) for n in range(4)]

    assert pa.concat_tables(by_file).combine_chunks().equals(reduce_bucket(rows_of_all).combine_chunks())
