"""What fills a template is text, what is written in one is bounded, and what is wrong with one is said in a sentence."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vizsla.campaigns.templates import (
    LONGEST_BODY,
    LONGEST_OUTPUT,
    WrongTemplate,
    fields_of,
    missing_of,
    parse_step,
    render,
    unknown_of,
)
from vizsla.leads.lead import Lead

NASTY = "{{7*7}} {{''.__class__.__mro__}} ${7*7} {% for i in range(999999999) %}x{% endfor %}"
BOMBS = {
    "five megabytes": "x" * 5_000_000,
    "a loop": "{% for i in (1..999999999) %}x{% endfor %}",
    "rows of a table": "{% tablerow i in (1..999999999) %}x{% endtablerow %}",
    "others' templates": "{% include 'x' %}",
    "others' templates, rendered": "{% render 'x' %}",
    "words that multiply": "{{ 'a' " + "| replace: 'a','aaaaaaaaaa'" * 12 + " }}",
    "words that grow": "{{ 'a' " + "| append: 'aaaaaaaaaaaaaaaaaaaaaaaa'" * 1_200 + " }}",
    "words that double": "{% assign x = 'aaaaaaaa' %}" + "{% assign x = x | append: x %}" * 900 + "{{ x }}",
    "captures that double": "{% capture x %}aaaaaaaa{% endcapture %}" + "{% capture x %}{{ x }}{{ x }}{% endcapture %}" * 99 + "{{ x }}",
    "much output": "{% capture x %}" + "a" * 9_000 + "{% endcapture %}" + "{{ x }}" * 900,
    "nested conditions": "{% if first_name %}" * 400 + "x" + "{% endif %}" * 400,
    "conditions without end": "{% if x %}" * 400,
    "a long condition": "{% if a" + " and a" * 8_000 + " %}x{% endif %}",
    "many fields": "{{ first_name }}" * 1_500,
    "brackets": "{{ " + "[" * 10_000 + " }}",
    "nested brackets": "{{ a" + "[a" * 5_000 + " }}",
    "braces": "{{" * 20_000,
    "a huge number": "{{ " + "9" * 5_000 + " }}",
}  # fmt: skip


def read(body: str, *, format: str = "text", subject: str = "Hello", **fields: str) -> str:
    return render(parse_step(subject, body, format), fields).body


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_in_a_sentence(kind: str) -> None:
    with pytest.raises(WrongTemplate) as raised:
        read(BOMBS[kind], first_name="Ann")

    assert len(raised.value.details) < 400
    assert raised.value.details.endswith(".")


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="{}%|'\" \n:.,[]()-ax1#=<>", max_size=60) | st.text(max_size=40), st.sampled_from(["text", "html"])
)
def test_whatever_is_written_is_read_or_refused(body: str, format: str) -> None:
    try:
        render(parse_step("x", body, format), {"first_name": "Ann"})
    except WrongTemplate as refused:
        assert refused.details


@settings(max_examples=100, deadline=None)
@given(st.text(min_size=1, max_size=80) | st.just(NASTY))
def test_what_fills_a_field_comes_out_literally(value: str) -> None:
    # Ends of lines are made one; in a lead they are already.
    lines = value.replace("\r\n", "\n").replace("\r", "\n")
    assert read("Hi {{first_name}}!", first_name=value) == f"Hi {lines}!"


def test_in_html_nothing_gets_out_of_its_escape() -> None:
    value = "<script>alert(1)</script>&\"'"
    for field in (
        "{{ first_name }}", "{{ first_name | upcase }}", "{{ first_name | append: '' }}", "{{ first_name | strip_newlines }}",
        "{{ first_name | split: '' | first }}", "{% assign x = first_name %}{{ x }}", "{% capture x %}{{ first_name }}{% endcapture %}{{ x }}",
        "{{ first_name | newline_to_br }}", "{{ first_name | replace: 'a', 'b' }}", "{{ nobody | default: first_name }}",
        "{{ first_name | escape }}", "{{ first_name | truncate: 99 }}", "{{ first_name | slice: 0, 8 }}",
    ):  # fmt: skip
        said = read(f"<p>{field}</p>", format="html", first_name=value).removeprefix("<p>").removesuffix("</p>")
        assert "<" not in said.replace("<br />", ""), field
    with pytest.raises(WrongTemplate, match="safe"):
        read("{{ first_name | safe }}", format="html", first_name=value)


@pytest.mark.parametrize(
    "body",
    [
        "{{ first_name | upcse }}",
        "{% assign x = email | date: 'x' %}",
        "{% if company %}{{ company | join }}{% endif %}",
    ],
)
def test_a_filter_that_is_not_there_is_said_before_anybody_is_written_to(body: str) -> None:
    with pytest.raises(WrongTemplate, match=r"There is no filter .*upcase"):
        parse_step("Hi", body, "text")


def test_a_fallback_stands_where_there_is_no_value() -> None:
    parsed = parse_step(
        "To {{ company | default: 'you' }}",
        'Hi {{ first_name | default: "there" }}, {{ position }}{% if website %}!{% endif %}',
        "text",
    )

    assert parsed.fields == {"company", "first_name", "position", "website"}
    assert parsed.required == {"position"}
    assert missing_of(parsed, {"first_name": "Ann"}) == {"position"}
    assert missing_of(parsed, {"position": "CEO"}) == frozenset()
    shown = render(parsed, {"position": "CEO"})
    assert (shown.subject, shown.body) == ("To you", "Hi there, CEO")
    with pytest.raises(WrongTemplate, match="no value for position"):
        render(parsed, {"position": ""})


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y.test", "a\nb", "a\0b", "a\x1bb", "a\u2028b", "a\u0085b"])
def test_a_subject_never_has_a_second_line(value: str) -> None:
    with pytest.raises(WrongTemplate, match="subject"):
        read("x", subject="Hi {{ first_name }}", first_name=value)
    with pytest.raises(WrongTemplate):
        parse_step("Hi\nBcc: x@y.test", "x", "text")


def test_fields_are_words_of_the_lead() -> None:
    lead = Lead(
        id=1, email="a@b.test", first_name="Ann", notes="secret", attributes={7: "Rex", 8: "gone"}, created_at=0
    )

    assert fields_of(lead, {7: "dog"}) == {"email": "a@b.test", "first_name": "Ann", "dog": "Rex"}
    assert unknown_of(parse_step("x", "{{ frist_name }}{{ dog }}{{ company }}{{ notes }}", "text"), ["dog"]) == {
        "frist_name",
        "notes",
    }
    for field in ("{{ lead.first_name }}", "{{ first_name.size }}", "{{ first_name['x'] }}"):
        with pytest.raises(WrongTemplate):
            read(field, first_name="Ann")


def test_what_a_value_may_be_at_most() -> None:
    assert len(read("{{ first_name }}", first_name="a" * LONGEST_OUTPUT)) == LONGEST_OUTPUT
    with pytest.raises(WrongTemplate, match="too long"):
        read("{{ first_name }}", first_name="a" * (LONGEST_OUTPUT + 1))
    assert read("x" * LONGEST_BODY)
    with pytest.raises(WrongTemplate, match="empty"):
        parse_step("x", " \n", "text")


def test_conditions_comments_and_what_is_not_read() -> None:
    assert (
        read(
            "{% case company %}{% when 'Acme' %}A{% else %}B{% endcase %}{% unless position %}-{% endunless %}",
            company="Acme",
        )
        == "A-"
    )
    assert read("{% comment %}{{ x.y }}{% endcomment %}{% raw %}{{ x }}{% endraw %}") == "{{ x }}"


_WORDS = st.text(alphabet="ab<>&'\"\r\n é\u2028{}", max_size=8)
_FIELDS = st.sampled_from(["first_name", "company", "now", "email"])
_PIECES = (
    _WORDS.filter(lambda text: "{" not in text)
    | st.builds("{{{{ {} }}}}".format, _FIELDS)
    | st.builds(
        "{{{{- {} | default: '{}' -}}}}".format, _FIELDS, _WORDS.filter(lambda text: not set(text) & set("'{}"))
    )
    | st.builds("{{{{ {} | upcase }}}}".format, _FIELDS)
)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(_PIECES, min_size=1, max_size=6).map("".join),
    st.sampled_from(["text", "html"]),
    st.dictionaries(_FIELDS, _WORDS.filter(bool), max_size=4),
)
def test_text_and_fields_are_filled_in_as_liquid_does(body: str, format: str, fields: dict[str, str]) -> None:
    assume(body.strip() and ("now" in fields or "now" not in body))
    try:
        template = parse_step("x", body, format).body
    except WrongTemplate:
        assume(False)
    if template.plain is not None and (made := template.plain.fill(fields)) is not None:
        assert made == template.bound.render(fields)


def test_what_is_more_than_text_and_fields_is_left_to_liquid() -> None:
    def is_plain(body: str) -> bool:
        return parse_step("x", body, "html").body.plain is not None

    assert is_plain("Hi {{ first_name | default: 'you' }}, {{ email }}!")
    assert not any(map(is_plain, ("{% if a %}x{% endif %}", "{{ a | upcase }}", "{{ now }}", "{{ a | default: b }}")))


def test_a_value_that_is_too_long_is_refused_as_ever() -> None:
    with pytest.raises(WrongTemplate, match="too much"):
        read("{{ first_name | default: 'you' }}", first_name="x" * 20_001)
