"""
What did the caller send?

Query strings, JSON bodies and nested forms become one dictionary, and that becomes the Struct a call declares. Lists come as
`k=a,b`, `k[]=a&k[]=b` or `k=a&k=b`; numbers and booleans may be strings. Whatever cannot be text in a database (NUL, broken
UTF-8, lone surrogates) ends here.
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Annotated, Any, ClassVar, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec

from vizsla.api.errors import InvalidParam, UnsupportedMediaType
from vizsla.kit.errors import WrongParams

P = TypeVar("P", bound="Params")
Given = dict[str, Any]

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
"""A public id that is sent as a parameter."""
MOST_PAIRS = 10_000
MOST_DEPTH = 16
_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)\Z")
_is_whole_number = re.compile(r"-?[0-9]+\Z").match
_PLACE = re.compile(r" - at `\$\.([A-Za-z0-9_]+)")
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_decode_json = msgspec.json.Decoder().decode
_encode_json = msgspec.json.Encoder().encode
_BAD_TEXT = "The request holds text that is not UTF-8, or a NUL character."


class Params(msgspec.Struct, frozen=True):
    """What a call takes. `wrong` names the error id for a field that will not do, where that is not `wrong_params`."""

    wrong: ClassVar[Mapping[str, str]] = {}
    whole: ClassVar[frozenset[str]] = frozenset()
    """Lists whose elements are taken as they are, commas and all."""
    clears: ClassVar[bool] = False
    """Whether an empty string says that something is to be empty; else it says nothing."""


class NoParams(Params, frozen=True):
    """A call that takes nothing but the key."""


def parse_query(query: bytes) -> Given:
    """The parameters of a query string or of a form; raises WrongParams."""
    given: Given = {}
    if not query:
        return given
    pairs = query.split(b"&", MOST_PAIRS)
    if len(pairs) > MOST_PAIRS:
        raise WrongParams(f"At most {MOST_PAIRS:,} parameters can be sent at once.")
    # Most queries are plain: then they are text as they stand.
    is_plain = query.isascii() and b"%" not in query and b"+" not in query and b"\0" not in query
    for pair in pairs:
        raw_name, _, raw_value = pair.partition(b"=")
        if not raw_name:
            continue
        if is_plain:
            name, value = raw_name.decode(), raw_value.decode()
        else:
            name, value = _text(raw_name), _text(raw_value)
        if "[" in name:
            _put_nested(given, name, value)
        elif name not in given:
            given[name] = value
        else:
            before = given[name]
            if isinstance(before, list):
                before.append(value)
            elif isinstance(before, str):
                given[name] = [before, value]
            else:
                raise WrongParams(f"The parameter {name[:100]} is given in two ways.")
    return given


def _text(raw: bytes) -> str:
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        raw = unquote_to_bytes(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise WrongParams(_BAD_TEXT) from None
    if "\0" in text:
        raise WrongParams(_BAD_TEXT)
    return text


def _put_nested(given: Given, name: str, value: str) -> None:
    """`emails[]=a` is a list, `custom_attributes[slug]=v` an object, as Rails and PHP write them."""
    if name.count("[") >= MOST_DEPTH:
        raise WrongParams("The parameters are nested too deeply.")
    match = _KEY.match(name)
    if match is None:
        given.setdefault(name, value)  # no call has such a parameter: ignored like any unknown one
        return
    path = [match[1], *match[2][1:-1].split("][")]
    place: Any = given
    for step, following in pairwise([*path, None]):
        fresh: Any = value if following is None else [] if following == "" else {}
        if isinstance(place, list) and step == "":
            place.append(fresh)
            place = fresh
        elif isinstance(place, dict):
            if following == "" and isinstance(place.get(step), str):
                place[step] = [place[step]]
            if following is None:
                place[step] = value
            place = place.setdefault(step, fresh)
        else:
            raise WrongParams(f"The parameter {name[:100]} is given in two ways.")


def parse_body(content_type: bytes, body: bytes) -> Given:
    """The parameters of a body; raises WrongParams, UnsupportedMediaType."""
    if not body:
        return {}
    kind, _, options = content_type.partition(b";")
    kind = kind.strip().lower()
    charset = re.search(rb"charset\s*=\s*\"?([^\s\";]*)", options, re.IGNORECASE)
    if charset is not None and charset[1].lower() not in (b"utf-8", b"utf8", b"us-ascii"):
        raise UnsupportedMediaType
    if kind == b"application/x-www-form-urlencoded":
        return parse_query(body.strip())
    if kind in (b"application/json", b"") or (kind.startswith(b"application/") and kind.endswith(b"+json")):
        return _parse_json(body)
    raise UnsupportedMediaType


def _parse_json(body: bytes) -> Given:
    if not body.strip():
        return {}
    try:
        given = _decode_json(body)
        if b"\\u" in body:
            check_text(given)
    except RecursionError:
        raise WrongParams("The body is nested too deeply.") from None
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise WrongParams(f"The body is not valid JSON: {str(error)[:200]}") from None
    if not isinstance(given, dict):
        raise WrongParams('The body must be a JSON object such as {"name": "…"}.')
    return given


def check_text(given: object) -> None:
    """Refuse what no database takes as text, however deep it stands: lone surrogates cannot be encoded, NUL is seen there."""
    if _NUL.search(_encode_json(given)):
        raise WrongParams(_BAD_TEXT)


def shape_of(kind: type[P]) -> Callable[[Given], P]:
    """What turns given parameters into *kind*, raising InvalidParam with the id that *kind* names for the wrong one."""
    lists: set[str] = set()
    blank: set[str] = set()
    # msgspec is more lenient with text than we are: it reads "1e1" as 10 and "null" as None.
    forms: dict[str, Callable[[str], object]] = {}
    known = frozenset(field.encode_name for field in msgspec.structs.fields(kind))
    schema = msgspec.json.schema_components([kind], ref_template="{name}")[1][kind.__name__]
    for name, about in schema["properties"].items():
        branches = about.get("anyOf", [about])
        if any(branch.get("type") == "array" for branch in branches):
            if name not in kind.whole:
                lists.add(name)
        elif any(branch.get("type") == "string" or "enum" in branch for branch in branches):
            blank.add(name)
        for branch in branches:
            if "enum" in branch:
                forms[name] = frozenset(branch["enum"]).__contains__
            elif branch.get("type") == "integer":
                forms[name] = _is_whole_number
    rules = {name: _rule(about) for name, about in schema["properties"].items()}
    required = set(schema.get("required", ()))

    def convert(given: Given) -> P:
        chosen: Given = {}
        for name, value in given.items():
            if name not in known:
                continue
            if name in lists:
                chosen[name] = _as_list(value)
            elif value == "" and kind.clears and name not in required:
                chosen[name] = value if name in blank else None
            elif value == "" and name in blank and name not in required:
                continue
            elif isinstance(value, str) and name in forms and not forms[name](value):
                raise _invalid(name, kind, rules)
            else:
                chosen[name] = value
        try:
            return msgspec.convert(chosen, kind, strict=False)
        except msgspec.ValidationError as error:
            raise _explain(error, kind, rules) from None

    return convert


def _as_list(value: object) -> object:
    if isinstance(value, str):
        return [part for word in value.split(",") if (part := word.strip())]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return [part for item in value for word in item.split(",") if (part := word.strip())]
    return value


def _explain(
    error: msgspec.ValidationError, kind: type[Params], rules: Mapping[str, str]
) -> InvalidParam | WrongParams:
    text = str(error)
    if "missing required field" in text:
        name = text.split("`")[1]
        return WrongParams(f"You are missing the {name} parameter")
    place = _PLACE.search(text)
    if place is None:
        return WrongParams("The parameters are invalid.")
    return _invalid(place[1], kind, rules)


def _invalid(name: str, kind: type[Params], rules: Mapping[str, str]) -> InvalidParam:
    id_ = kind.wrong.get(name, "wrong_params")
    return InvalidParam(id_, f"The supplied {name} is invalid. {rules.get(name, '')}".rstrip())


def _rule(about: Mapping[str, Any]) -> str:
    """The rule of a field in a sentence."""
    for branch in about.get("anyOf", [about]):
        kind = branch.get("type")
        if "enum" in branch:
            return f"It must be one of: {', '.join(str(value) for value in branch['enum'] if value is not None)}."
        if kind == "array":
            inner = _rule(branch.get("items", {}))
            return inner.replace("It must be", "Each must be", 1)
        if kind == "integer":
            least, most = branch.get("minimum"), branch.get("maximum")
            if least is not None and most is not None:
                return f"It must be a whole number from {least} to {most}."
            return (
                f"It must be a whole number of at least {least}." if least is not None else "It must be a whole number."
            )
        if kind == "boolean":
            return "It must be true or false."
        if kind == "string" and "maxLength" in branch:
            return f"It must be text of at most {branch['maxLength']} characters."
    return "It must be text."


def parse_id(text: str) -> int | None:
    """A public id in a path: digits of ASCII without a leading zero, in 63 bits; None for anything else."""
    if re.fullmatch(r"[1-9][0-9]{0,18}", text, re.ASCII) and (number := int(text)) < 2**63:
        return number
    return None
