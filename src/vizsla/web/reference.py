"""
What is there to call, for people? The OpenAPI document as rows for a page.

Nothing here knows a call by name: whatever the document describes is shown, with an example made of what it says of each
parameter.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from vizsla.web.samples import (
    Described,
    Sample,
    describe_call,
    resolve,
    sample_of,
    without_null,
    write_curl,
    write_python,
)

Schema = dict[str, Any]
Form = Literal["text", "number", "choice", "list", "json"]
Access = Literal["key", "optional", "open"]

_GROUPS: Mapping[str, str] = {
    "domain-search": "Find",
    "email-finder": "Find",
    "email-count": "Find",
    "calibration": "Find",
    "email-verifier": "Verify",
    "verifications": "Verify",
    "bulk": "Bulk lists",
    "account": "Account",
    "usage": "Account",
    "api-keys": "Account",
    "trial": "Without a key",
}
"""Where a call stands, by the first word of its path; one that is not named here has a group called like that word."""
_OF_THE_VERSION = re.compile(r"/v\d+(?=/)")


class Param(msgspec.Struct, frozen=True):
    """One thing that a call can be given."""

    name: str
    place: str
    """query, path, header or body."""
    kind: str
    """What it may be, in words."""
    is_required: bool
    description: str
    form: Form = "text"
    """What a form asks for it with."""
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    value: str = ""
    """What the example has there, as typed into the form."""


class Answer(msgspec.Struct, frozen=True):
    """One status that may come back."""

    status: str
    meaning: str
    ids: tuple[str, ...] = ()
    """Of the errors that have it."""


class Operation(msgspec.Struct, frozen=True):
    """One call."""

    id: str
    """What a link to it ends with."""
    group: str
    method: str
    path: str
    summary: str
    description: str
    access: Access
    params: tuple[Param, ...]
    answers: tuple[Answer, ...]
    shape: str
    """What a success looks like: JSON with kinds in the place of values; empty if it has no JSON body."""
    curl: str
    python: str

    @property
    def writes(self) -> bool:
        """Whether it changes what the account holds."""
        return self.method != "GET"

    @property
    def words(self) -> str:
        """What a search looks in."""
        names = " ".join(param.name for param in self.params)
        return f"{self.method} {self.path} {self.summary} {self.description} {names}".lower().replace("`", "")


def list_operations(document: Schema) -> list[Operation]:
    """The calls of an OpenAPI 3.1 *document*, in its order; those of a group beside each other."""
    schemas = document["components"]["schemas"]
    base_url = document["servers"][0]["url"].rstrip("/")
    found = [
        _operation(base_url, describe_call(method.upper(), path, operation, schemas), schemas)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    groups = list(dict.fromkeys([*_GROUPS.values(), *(operation.group for operation in found)]))
    # Calls that need no key say nothing new: last.
    groups.append(groups.pop(groups.index(_GROUPS["trial"])))
    return sorted(found, key=lambda operation: groups.index(operation.group))


def common_errors(operations: list[Operation]) -> list[Answer]:
    """The errors that every call may give."""
    rows = [
        {(answer.status, answer.meaning, id_) for answer in one.answers for id_ in answer.ids} for one in operations
    ]
    shared = sorted(set.intersection(*rows)) if rows else []
    return [
        Answer(status, meaning, tuple(id_ for s, m, id_ in shared if (s, m) == (status, meaning)))
        for status, meaning in dict.fromkeys((status, meaning) for status, meaning, _ in shared)
    ]


def own_answers(operation: Operation, common: list[Answer]) -> list[Answer]:
    """The answers of *operation* without what every call may answer."""
    shared = {id_ for answer in common for id_ in answer.ids}
    left = [
        msgspec.structs.replace(answer, ids=tuple(id_ for id_ in answer.ids if id_ not in shared))
        for answer in operation.answers
    ]
    return [answer for answer, before in zip(left, operation.answers, strict=True) if answer.ids or not before.ids]


def _operation(base_url: str, call: Described, schemas: Schema) -> Operation:
    sample, operation = sample_of(base_url, call, schemas), call.operation
    security = operation.get("security", [])
    words = _OF_THE_VERSION.sub("", call.path).strip("/").replace("{", "").replace("}", "")
    return Operation(
        re.sub(r"[^a-z0-9]+", "-", f"{call.method} {words}".lower()),
        _group(words.partition("/")[0]),
        call.method,
        call.path,
        operation["summary"],
        operation["description"],
        "open" if not security else "optional" if {} in security else "key",
        tuple(_param(given, schemas, sample) for given in call.params),
        tuple(_answers(operation)),
        _shape_of_success(operation, schemas),
        write_curl(sample),
        write_python(sample),
    )


def _group(word: str) -> str:
    return _GROUPS.get(word) or word.partition("_")[0].replace("-", " ").capitalize()


def _param(given: Schema, schemas: Schema, sample: Sample) -> Param:
    schema = given["schema"]
    inner = without_null(schema, schemas)
    most = inner.get("maximum")
    choices = ("true", "false") if inner.get("type") == "boolean" else tuple(map(str, inner.get("enum", ())))
    return Param(
        given["name"],
        given["in"],
        _kind({**inner, "default": schema.get("default")}, schemas),
        given.get("required", False),
        given.get("description", "") or inner.get("description", ""),
        _form(inner, schemas),
        tuple(choice for choice in choices if choice != "None"),
        inner.get("minimum"),
        most if most is not None and most < 2**31 else None,
        sample.typed(given["name"], given["in"]),
    )


def _form(schema: Schema, schemas: Schema) -> Form:
    kind = schema.get("type")
    if "enum" in schema or kind == "boolean":
        return "choice"
    if kind == "object" or without_null(schema.get("items", {}), schemas).get("type") == "object":
        return "json"
    return "list" if kind == "array" else "number" if kind == "integer" else "text"


def _answers(operation: Schema) -> list[Answer]:
    return [
        Answer(status, answer["description"].partition(" Ids: ")[0], tuple(answer.get("x-error-ids", ())))
        for status, answer in sorted(operation["responses"].items())
    ]


def _kind(schema: Schema, schemas: Schema) -> str:
    """`{"type": "integer", "minimum": 1, "maximum": 100, "default": 10}` as `integer, 1 to 100, 10 unless given`."""
    schema = without_null(schema, schemas)
    if schema.get("type") == "array":
        return f"several of: {_kind(schema['items'], schemas)}"
    if schema.get("type") == "object" and schema.get("properties"):
        return f"an object of {', '.join(schema['properties'])}"
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"] if value is not None)
    words = [str(schema.get("type", "text")).replace("string", "text")]
    if "minimum" in schema:
        most = schema.get("maximum")
        words.append(f"{schema['minimum']} to {most}" if most and most < 2**31 else f"from {schema['minimum']}")
    elif "maxLength" in schema:
        words.append(f"up to {schema['maxLength']} characters")
    if schema.get("default") is not None:
        words.append(f"{schema['default']} unless given")
    return ", ".join(words)


def _shape_of_success(operation: Schema, schemas: Schema) -> str:
    success = next(answer for status, answer in sorted(operation["responses"].items()) if status.startswith("2"))
    schema = success.get("content", {}).get("application/json", {}).get("schema")
    return "\n".join(_shape(schema, schemas, "", ())) if schema else ""


def _shape(schema: Schema, schemas: Schema, indent: str, within: tuple[str, ...]) -> list[str]:
    """JSON with kinds in the place of values; what holds itself is cut short."""
    reference = schema.get("$ref", "")
    if reference in within:
        return ["…"]
    within = (*within, reference) if reference else within
    schema = resolve(schema, schemas)
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    if branches:
        lines = _shape(branches[0], schemas, indent, within)
        return [*lines[:-1], f"{lines[-1]} or null"] if len(branches) < len(schema["anyOf"]) else lines
    if schema.get("properties"):
        lines = ["{"]
        for name, about in schema["properties"].items():
            first, *rest = _shape(about, schemas, f"{indent}  ", within)
            lines += [f'{indent}  "{name}": {first}', *rest]
        return [*lines, f"{indent}}}"]
    if schema.get("type") == "array":
        first, *rest = _shape(schema.get("items", {}), schemas, indent, within)
        return [f"[{first}", *rest[:-1], f"{rest[-1]}, …]"] if rest else [f"[{first}, …]"]
    if "enum" in schema:
        return [" or ".join("null" if value is None else str(value) for value in schema["enum"])]
    return [{"string": "text", None: "anything"}.get(schema.get("type"), str(schema.get("type")))]
