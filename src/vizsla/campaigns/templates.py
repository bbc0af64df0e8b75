"""
What does a step say to one recipient?

Steps are written in Liquid, of which there is what a letter needs: merge fields, filters on words, conditions. There are no loops and
nothing that includes or computes, so a template costs no more than its length, which is bounded; what fills it is plain text that
is never read as a template. In HTML what fills is escaped, and nothing lets it out of that.

`{{ first_name | default: "there" }}` says what stands where a lead has no first name. A field without such a fallback must have a
value: the campaign does not start while a recipient has none, and to one who is added later nothing is sent.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal

import msgspec
from liquid import BoundTemplate, Environment
from liquid.ast import Node
from liquid.builtin.expressions import FilteredExpression, Path
from liquid.exceptions import FilterArgumentError, LiquidError, OutputStreamLimitError
from liquid.expression import Expression

from vizsla.campaigns.filling import Plain, plain_of
from vizsla.kit.errors import VizslaError
from vizsla.leads.lead import TEXTS, Lead

Format = Literal["text", "html"]
FORMATS: tuple[Format, ...] = ("text", "html")
LEAD_FIELDS = ("email", *(name for name in TEXTS if name != "notes"))
"""Merge fields that every lead can have; custom attributes stand beside them under their slugs."""
LONGEST_SUBJECT = 250
LONGEST_BODY = 50_000
"""Characters of a template."""
MOST_PIECES = 1_000
"""Merge fields, conditions and assignments in one step."""
LONGEST_OUTPUT = 200_000
"""Octets of a body that was filled in."""
_LONGEST_VALUE = 20_000
"""Characters that a filter may make."""
_DEEPEST = 20
_TAGS = ("if", "unless", "case", "assign", "capture", "comment", "#")
_NO_TAGS = ("content", "output", "illegal")
"""What Liquid keeps beside them: text, merge fields, and what is unknown."""
_FILTERS = (
    "append", "capitalize", "default", "downcase", "escape", "first", "last", "lstrip", "newline_to_br", "prepend", "remove",
    "remove_first", "remove_last", "replace", "replace_first", "replace_last", "rstrip", "size", "slice", "split", "squish", "strip",
    "strip_html", "strip_newlines", "truncate", "truncatewords", "upcase", "url_encode",
)  # fmt: skip
_PIECE = re.compile(r"\{\{|\{%")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z", re.ASCII)


class WrongTemplate(VizslaError):
    """The template is wrong."""

    id = "validation_failed"


class Parsed(msgspec.Struct, frozen=True):
    """A step, read; it is kept and filled in for each recipient."""

    subject: "_Template"
    body: "_Template"
    fields: frozenset[str]
    """All merge fields in it."""
    required: frozenset[str]
    """Those without a fallback."""
    has_subject: bool
    """False: it goes on in the thread, under the subject of the step before."""


class _Template(msgspec.Struct, frozen=True):
    bound: BoundTemplate
    plain: Plain | None


class Rendered(msgspec.Struct, frozen=True):
    """What one recipient is sent."""

    subject: str
    body: str


class _Environment(Environment):
    """Liquid with what a letter needs, and limits."""

    block_nesting_limit: ClassVar[int] = _DEEPEST
    context_depth_limit: ClassVar[int] = _DEEPEST + 10
    loop_iteration_limit: ClassVar[int | None] = 1_000
    local_namespace_limit: ClassVar[int | None] = 10_000
    output_stream_limit: ClassVar[int | None] = LONGEST_OUTPUT

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        self.tags = {name: self.tags[name] for name in (*_TAGS, *_NO_TAGS)}
        self.filters = {name: _bounded(name, self.filters[name]) for name in _FILTERS}


def _bounded(name: str, run: Callable[..., Any]) -> Callable[..., Any]:
    """The filter *run*, of which nothing comes that is long: doubled a few times, a word fills a machine."""

    def bounded(value: Any, *given: Any, **named: Any) -> Any:
        if name.startswith("replace") and len(given) > 1:
            found = str(value).count(str(given[0])) if str(given[0]) else len(str(value)) + 1
            if found * len(str(given[1])) > _LONGEST_VALUE:
                raise FilterArgumentError(f"{name} makes too much", token=None)
        made = run(value, *given, **named)
        if isinstance(made, str | list) and len(made) > _LONGEST_VALUE:
            raise FilterArgumentError(f"{name} makes too much", token=None)
        return made

    # Liquid asks a filter for what it wants beside its arguments.
    for wish in ("with_context", "with_environment"):
        if hasattr(run, wish):
            setattr(bounded, wish, getattr(run, wish))
    return bounded


_ENVIRONMENTS: dict[Format, _Environment] = {format_: _Environment(autoescape=format_ == "html") for format_ in FORMATS}


def parse_step(subject: str, body: str, format: str) -> Parsed:
    """The templates of a step; *format* is text or html, and of the body alone. Raises WrongTemplate."""
    if format not in FORMATS:
        raise WrongTemplate("The format of a message is text or html.")
    if "\n" in subject or "\r" in subject:
        raise WrongTemplate("A subject is one line.")
    if not body.strip():
        raise WrongTemplate("The message is empty.")
    parts = [
        (_parse(subject.strip(), "subject", LONGEST_SUBJECT, _ENVIRONMENTS["text"])),
        (_parse(body, "message", LONGEST_BODY, _ENVIRONMENTS["html" if format == "html" else "text"])),
    ]
    fields, required = set[str](), set[str]()
    for template in parts:
        _collect(template, fields, required)
    subject_of, body_of = (
        _Template(one, plain_of(one, longest_value=_LONGEST_VALUE, longest=LONGEST_OUTPUT)) for one in parts
    )
    return Parsed(subject_of, body_of, frozenset(fields), frozenset(required), bool(subject.strip()))


def render(parsed: Parsed, fields: Mapping[str, str]) -> Rendered:
    """*parsed*, filled with *fields*; those that are missing or empty have no value. Raises WrongTemplate."""
    missing = missing_of(parsed, fields)
    if missing:
        raise WrongTemplate(f"There is no value for {', '.join(sorted(missing))}, and no fallback in the template.")
    values = {name: text for name, text in fields.items() if text}
    subject = _fill(parsed.subject, values).strip()
    if not subject.isprintable() and any(unicodedata.category(one) in ("Cc", "Zl", "Zp") for one in subject):
        raise WrongTemplate(
            "The subject would have a line break or a control character in it, which a header must not have."
        )
    return Rendered(subject, _fill(parsed.body, values))


def fields_of(lead: Lead, attributes: Mapping[int, str]) -> dict[str, str]:
    """What fills the merge fields for *lead*; *attributes* are the account's slugs by id."""
    values = {name: text for name in LEAD_FIELDS if (text := getattr(lead, name))}
    return {attributes[id_]: text for id_, text in lead.attributes.items() if id_ in attributes} | values


def missing_of(parsed: Parsed, fields: Mapping[str, str]) -> frozenset[str]:
    """Merge fields that have neither a value among *fields* nor a fallback."""
    return frozenset(name for name in parsed.required if not fields.get(name))


def unknown_of(parsed: Parsed, slugs: Iterable[str]) -> frozenset[str]:
    """Merge fields that no lead can have; *slugs* are those of the account's attributes."""
    return parsed.fields - frozenset(LEAD_FIELDS) - frozenset(slugs)


def _parse(text: str, what: str, longest: int, environment: Environment) -> BoundTemplate:
    if len(text) > longest:
        raise WrongTemplate(f"The {what} is too long: {longest:,} characters are the most.")
    if len(_PIECE.findall(text)) > MOST_PIECES:
        raise WrongTemplate(f"The {what} has more than {MOST_PIECES:,} merge fields and conditions.")
    try:
        return environment.from_string(text)
    except LiquidError as error:
        raise WrongTemplate(_say(what, error)) from None
    except (RecursionError, ValueError, OverflowError):
        raise WrongTemplate(f"The {what} cannot be read as a template: simplify it.") from None


def _say(what: str, error: LiquidError) -> str:
    """What is wrong, in a sentence that says where."""
    said = str(error.message if hasattr(error, "message") else error)[:200].rstrip(".")
    line = 1 + (error.token.source[: error.token.start_index].count("\n") if error.token is not None else 0)
    if said.startswith("unexpected tag") or "tag" in said:
        return f"The {what} cannot be read, line {line}: {said}. Tags are {', '.join(_TAGS[:-1])}."
    return f"The {what} cannot be read, line {line}: {said}."


def _fill(template: _Template, values: Mapping[str, str]) -> str:
    if template.plain is not None and (text := template.plain.fill(values)) is not None:
        return text
    try:
        return template.bound.render(values)
    except OutputStreamLimitError:
        raise WrongTemplate(f"The message is too long: {LONGEST_OUTPUT:,} octets are the most.") from None
    except LiquidError as error:
        raise WrongTemplate(_say("message", error)) from None
    except (RecursionError, ValueError, TypeError, OverflowError):
        raise WrongTemplate("The message cannot be filled in: simplify its template.") from None


def _collect(template: BoundTemplate, fields: set[str], required: set[str]) -> None:
    """Add the merge fields of *template*, and those of them that are shown without a fallback."""
    own = set(template.analyze().locals)
    for shown in _nodes(template.nodes):
        for expression in shown.expressions():
            filters = (
                {one.name for one in expression.filters or ()} if isinstance(expression, FilteredExpression) else set()
            )
            if unknown := sorted(filters - set(_FILTERS)):
                # Liquid itself asks for a filter when it comes to it: for the first recipient.
                raise WrongTemplate(f"There is no filter {unknown[0][:60]}. Filters are {', '.join(_FILTERS)}.")
            has_fallback = "default" in filters
            for path in _paths(expression):
                head = path.path[0]
                if len(path.path) > 1 or not isinstance(head, str) or not _NAME.match(head):
                    raise WrongTemplate(
                        "A merge field is one word, such as {{ first_name }}: there is nothing inside of one."
                    )
                if head in own:
                    continue
                fields.add(head)
                if _is_shown(shown) and not has_fallback:
                    required.add(head)


def _is_shown(node: Node) -> bool:
    """Whether a node needs the value; a condition may ask after one that is not there."""
    return type(node).__name__ in ("OutputNode", "AssignNode")


def _nodes(nodes: Iterable[Node]) -> Iterator[Node]:
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children(None, include_partials=False))  # type: ignore[arg-type]


def _paths(expression: Expression) -> Iterator[Path]:
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Path):
            yield one
        waiting.extend(one.children())
