"""The sample is what its script makes, and the extractors find in it what it holds."""

import gzip
import json
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from vizsla.harvest.extract.page import extract
from vizsla.harvest.records import Extraction, Page
from vizsla.harvest.warc import read_pages
from vizsla.kit.clock import day

ROOT = Path(__file__).parents[2]
WARC = ROOT / "src" / "vizsla" / "harvest" / "sample" / "companies.warc.gz"
_truth = json.loads((ROOT / "samples" / "addresses.json").read_text("utf-8"))
TRUTH, PEOPLE = _truth["pages"], _truth["people"]
COMPANIES = (
    "brauerei-zirbel.example",
    "hargreave-lowe.example",
    "quillstack.example",
    "atelier-vermillon.example",
    "norrfrakt.example",
)


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    return list(read_pages(str(WARC), Counter()))


@pytest.fixture(scope="module")
def read(pages: list[Page]) -> list[tuple[Page, Extraction]]:
    return [(page, extract(page, decode_protected=True)) for page in pages]


def addresses(extraction: Extraction) -> list[str]:
    return sorted(f"{one.local}@{one.domain}" for one in extraction.observations)


def test_the_script_makes_the_committed_files(tmp_path):
    made, truth = tmp_path / "companies.warc.gz", tmp_path / "addresses.json"
    subprocess.run([sys.executable, ROOT / "samples" / "make_sample.py", made, truth], check=True, timeout=60)

    # The compressor may differ from the one that wrote the committed file; what was compressed may not.
    assert gzip.decompress(made.read_bytes()) == gzip.decompress(WARC.read_bytes())
    assert truth.read_text("utf-8") == (ROOT / "samples" / "addresses.json").read_text("utf-8")


def test_it_is_small_and_has_every_kind_of_record():
    with WARC.open("rb") as file:
        iterator = ArchiveIterator(file)
        kinds = Counter(record.rec_type for record in iterator)

    assert WARC.stat().st_size < 400_000
    assert kinds["response"] >= 70
    assert kinds["request"] == kinds["metadata"] == kinds["response"] + kinds["revisit"]
    assert kinds["revisit"] >= 4
    # One gzip member a record: as many as there are headers of members that inflate to a WARC record.
    assert sum(kinds.values()) == _members(WARC.read_bytes())


def test_every_page_gives_what_it_holds_and_nothing_else(pages, read):
    assert len(pages) >= 60
    for page, everything in read:
        truth = TRUTH.get(f"{page.uri} {day(page.fetched_at)}", {"open": [], "protected": []})
        assert addresses(extract(page)) == truth["open"], page.uri
        assert addresses(everything) == sorted({*truth["open"], *truth["protected"]}), page.uri


def test_every_way_of_reading_is_exercised(read):
    hows = {one.how for _, extraction in read for one in extraction.observations}

    assert hows >= {
        "text",
        "mailto",
        "obfuscated",
        "entity",
        "script",
        "jsonld",
        "microdata",
        "hcard",
        "cloudflare",
        "typo3",
        "rot13",
        "reversed",
        "hidden",
    }


def test_each_company_has_people_to_write_to_and_one_has_many(read):
    found = defaultdict(set)
    for _, extraction in read:
        for one in extraction.observations:
            found[one.domain].add(one.local)

    assert all(len(found[company]) >= 10 for company in COMPANIES)
    assert len(found["quillstack.example"]) >= 20
    assert {uri.split("/")[2].removeprefix("www.") for uri in TRUTH} > set(COMPANIES)


def test_the_surest_name_of_an_address_is_its_owner(read):
    named = defaultdict(Counter)
    for _, extraction in read:
        for one in extraction.observations:
            if one.first_name or one.last_name:
                named[f"{one.local}@{one.domain}"][one.name_score, one.first_name, one.last_name] += 1

    for email, names in named.items():
        _, *surest = max(names, key=lambda name: (name[0], names[name]))
        assert surest == [PEOPLE[email]["first_name"], PEOPLE[email]["last_name"]], email
    assert len(named) >= 0.9 * len(PEOPLE)


def test_a_company_account_is_nobody_s(read):
    handles = {one.twitter for _, extraction in read for one in extraction.observations if one.twitter}

    assert handles >= {"mayalindqvist", "rahulwrites", "tzielinski"}
    assert not handles & {"quillstack", "hargreavelowe"}


def test_somebody_left_between_two_captures():
    captures = sorted(key for key in TRUTH if key.startswith("https://www.hargreave-lowe.example/people "))

    assert ["rstainton@hargreave-lowe.example" in TRUTH[key]["open"] for key in captures] == [True, False]


@pytest.mark.parametrize(
    ("company", "profile"),
    [
        ("quillstack.example", {"organization": "Quillstack", "legal_name": "Quillstack, Inc.", "industry": "Software Development", "headcount": "51-200",
                                "country": "US", "city": "Portland", "twitter": "quillstack", "linkedin": "company/quillstack", "youtube": "@quillstack"}),
        ("brauerei-zirbel.example", {"organization": "Brauerei Zirbel", "legal_name": "Privatbrauerei Zirbel GmbH & Co. KG", "industry": "Breweries",
                                     "country": "DE", "city": "München", "company_type": "Privately Held", "facebook": "brauereizirbel", "linked_domain": "zirbelbier.example"}),
        ("hargreave-lowe.example", {"organization": "Hargreave Lowe", "industry": "Law Practice", "company_type": "Partnership", "country": "GB", "twitter": "hargreavelowe"}),
        ("atelier-vermillon.example", {"organization": "Atelier Vermillon", "industry": "Design Services", "country": "FR", "instagram": "ateliervermillon"}),
        ("norrfrakt.example", {"organization": "Norrfrakt", "legal_name": "Norrfrakt Logistik AB", "country": "SE", "headcount": "201-500",
                               "industry": "Transportation, Logistics, Supply Chain and Storage"}),
    ],
)  # fmt: skip
def test_the_profiles_that_the_pages_vote_for(read, company, profile):
    votes = defaultdict(Counter)
    for _, extraction in read:
        for fact in extraction.facts:
            if fact.domain == company:
                votes[fact.key][fact.value] += fact.weight

    assert {key: votes[key].most_common(1)[0][0] for key in profile if votes[key]} == profile


def test_a_directory_takes_nothing_from_the_firms_it_lists(read):
    facts = [fact for page, extraction in read if "northern-law-index" in page.uri for fact in extraction.facts]

    assert not {fact.key for fact in facts} & {"legal_name", "city", "country", "street", "headcount"}


def _members(data: bytes) -> int:
    members = 0
    while data:
        inflater = zlib.decompressobj(31)
        inflater.decompress(data)
        data = inflater.unused_data
        members += 1
    return members
