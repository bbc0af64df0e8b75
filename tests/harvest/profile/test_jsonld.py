"""What a page says of itself in JSON-LD, whatever people put into the script."""

from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vizsla.harvest.extract.jsonld import MAX_DEPTH, MAX_NODES, parse_jsonld, text_of, texts_of, types_of

OPEN = '<script type="application/ld+json">'


def script(text: str) -> str:
    return f"<html><head>{OPEN}{text}</script></head><body>ld+json</body></html>"


def test_a_graph_is_flattened_with_parents_before_children_in_page_order():
    html = script('{"@graph":[{"@type":"Organization","address":{"@type":"PostalAddress"}},{"@type":"WebSite"}]}')

    kinds = [node.get("@type") for node in parse_jsonld(html)]

    assert kinds == [None, "Organization", "PostalAddress", "WebSite"]


def test_every_script_of_the_page_is_read():
    html = script('[{"name":"a"}]') + "<p>x</p>" + script('{"name":"b"}')

    assert [node["name"] for node in parse_jsonld(html)] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    [
        '{"name":"Ada",}',
        '{"name":"Ada","jobs":["x",],}',
        '{"name":"Ada","note":"two\nlines\tand \x00"}',
        '<!--\n{"name":"Ada"}\n-->',
        '//<![CDATA[\n{"name":"Ada"}\n//]]>',
        '/*<![CDATA[*/{"name":"Ada"}/*]]>*/',
        '  {"name":"Ada"};  ',
    ],
)
def test_the_usual_slips_are_repaired(text):
    assert parse_jsonld(script(text))[0]["name"] == "Ada"


@pytest.mark.parametrize(
    "tag",
    [
        "<script type='application/ld+json' id=x>",
        "<SCRIPT data-n type=application/ld+json>",
        '<script\n  class="yoast"\n  type="application/ld+json; charset=utf-8">',
    ],
)
def test_the_tag_is_found_however_it_is_written(tag):
    assert parse_jsonld(f'{tag}{{"name":"Ada"}}</SCRIPT >') == [{"name": "Ada"}]


def test_a_broken_script_does_not_hide_the_next():
    assert parse_jsonld(script("{oops") + script('{"name":"b"}')) == [{"name": "b"}]


def test_the_marker_in_text_is_no_script():
    assert parse_jsonld('<p>ld+json {"name":"a"}</p><a href="ld+json">{"name":"b"}</a></script>') == []


def test_nodes_are_limited():
    assert len(parse_jsonld(script("[" + ",".join(["{}"] * (MAX_NODES + 500)) + "]"))) == MAX_NODES


def test_depth_is_limited():
    assert len(parse_jsonld(script('{"a":' * 200 + "1" + "}" * 200))) == MAX_DEPTH + 1


HOSTILE = {
    "a million braces": OPEN + "{" * 1_000_000 + "</script>",
    "a million brackets": OPEN + "[" * 1_000_000 + "</script>",
    "deep objects": OPEN + '{"a":' * 20_000 + "1" + "}" * 20_000 + "</script>",
    "markers without tags": "ld+json" * 150_000,
    "tags that never close": "<script ld+json " * 60_000,
    "scripts that never close": OPEN * 30_000,
    "commas": OPEN + "[" + ", " * 500_000 + "</script>",
    "white space": OPEN + "[1," + " " * 1_000_000 + "x</script>",
    "comment marks": OPEN + "// " * 300_000 + "</script>",
    "many scripts": (OPEN + "{}</script>") * 25_000,
    "a number of 100,000 digits": OPEN + '{"a":' + "9" * 100_000 + "}</script>",
    "lone surrogates": OPEN + '{"a":"\ud800"}</script>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_script_costs_little(name):
    began = perf_counter()

    assert len(parse_jsonld(HOSTILE[name])) <= MAX_NODES
    assert perf_counter() - began < 2


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=200), st.text(max_size=50))
def test_no_text_makes_it_raise(text, around):
    parse_jsonld(around + OPEN + text + "</script>" + around)


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda v: st.lists(v) | st.dictionaries(st.sampled_from(["@type", "name", "x"]), v),
    )
)
def test_reading_a_node_never_raises(value):
    node = {"@type": value, "name": value}

    assert text_of(node, "name") != ""
    texts_of(node, "name")
    types_of(node)


def test_what_a_node_says_is_cleaned():
    node = {
        "@type": ["https://schema.org/Person", "schema:Author"],
        "name": [" B&auml;r \n &amp; Co "],
        "n": {"@value": 3},
    }

    assert types_of(node) == {"Person", "Author"}
    assert text_of(node, "name") == "Bär & Co"
    assert text_of(node, "n") == "3"
    assert text_of(node, "absent") is None
