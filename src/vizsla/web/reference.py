"""What is there to call, for people? The OpenAPI document as rows for a page."""

from typing import Any

import msgspec

Schema = dict[str, Any]


class Param(msgspec.Struct, frozen=True):
    """One thing that a call can be given."""

    name: str
    place: str
    """query, path, header or body."""
    kind: str
    """What it may be, in words."""
    is_required: bool
    description: str


class Operation(msgspec.Struct, frozen=True):
    """One call."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    params: tuple[Param, ...]
    answers: tuple[tuple[str, str], ...]
    """Status and what it means."""


def list_operations(document: Schema) -> list[Operation]:
    """The calls of an OpenAPI 3.1 *document*, in its order."""
    schemas = document["components"]["schemas"]
    return [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            operation["summary"],
            operation["description"],
            tuple(_params(operation, schemas)),
            tuple((status, answer["description"]) for status, answer in sorted(operation["responses"].items())),
        )
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def _params(operation: Schema, schemas: Schema) -> list[Param]:
    found = [
        _param(given["name"], given["in"], given["schema"], given.get("required", False), given.get("description", ""))
        for given in operation.get("parameters", [])
    ]
    contents = operation.get("requestBody", {}).get("content", {})
    if "application/json" in contents:
        body = contents["application/json"]["schema"]
        body = schemas[body["$ref"].rpartition("/")[2]] if "$ref" in body else body
        required = body.get("required", [])
        found += [
            _param(name, "body", schema, name in required, "") for name, schema in body.get("properties", {}).items()
        ]
    return found


def _param(name: str, place: str, schema: Schema, required: bool, description: str) -> Param:
    return Param(name, place, _kind(schema), required, description or schema.get("description", ""))


def _kind(schema: Schema) -> str:
    """`{"type": "integer", "minimum": 1, "maximum": 100, "default": 10}` as `integer, 1 to 100, 10 unless given`."""
    if schema.get("type") == "array":
        return f"several of: {_kind(schema['items'])}"
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"])
    words = [str(schema.get("type", "text")).replace("string", "text")]
    if "minimum" in schema:
        most = schema.get("maximum")
        words.append(f"{schema['minimum']} to {most}" if most and most < 2**31 else f"from {schema['minimum']}")
    elif "maxLength" in schema:
        words.append(f"up to {schema['maxLength']} characters")
    if schema.get("default") is not None:
        words.append(f"{schema['default']} unless given")
    return ", ".join(words)
