"""How is the API described to machines? OpenAPI 3.1, from the same Structs that parse and encode."""

from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

import vizsla
from vizsla.accounts.idempotency import KEY_PATTERN, LONGEST_KEY
from vizsla.api.errors import SHOWN_IDS, STATUSES, ErrorAnswer
from vizsla.api.params import NoParams
from vizsla.api.registry import WORDS, Endpoint, Routes, Streamed
from vizsla.kit.xlsx_writing import CONTENT_TYPE as XLSX

_DESCRIPTION = """Every call takes an API key: as `?api_key=`, as the header `X-API-KEY`, as `Authorization: Bearer`, or as
`api_key` in the body. Prefer a header: what is in an address ends up in logs. Success is `{"data": …, "meta": …}`, failure
`{"errors": [{"id", "code", "details"}]}`. Unknown parameters are ignored."""
_TEXT: Mapping[str, Any] = {"type": "string"}
Day = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date"})]
_REQUEST_ID = {"description": "Names this request in the server's log; one that is sent comes back.", "schema": _TEXT}
_NUMBER = {"type": "integer"}
_NO_JSON = (type(None), Streamed)
_FILES = {"jsonl": "application/x-ndjson", "xlsx": XLSX}
"""What stands in a file, by what its path ends with; others are CSV."""
_RATE_HEADERS = {
    "X-RateLimit-Limit": {"description": "How many requests the limit that is nearest allows.", "schema": _NUMBER},
    "X-RateLimit-Remaining": {"description": "How many of them are left.", "schema": _NUMBER},
    "X-RateLimit-Reset": {"description": "When all of them are back, in seconds since 1970.", "schema": _NUMBER},
    "X-Rate-Limit-Remaining": {"description": "The same as X-RateLimit-Remaining.", "schema": _NUMBER},
}
_RETRY = {"Retry-After": {"description": "Seconds to wait.", "schema": _NUMBER}}
_REASONS = {
    200: "The request was successful.",
    201: "The request was successful and the resource was created.",
    202: "The work is not yet done. Ask again: it is counted once.",
    204: "The request was successful and no additional content was sent.",
    222: "The remote server answered outside of its protocol.",
    400: "Your request was not valid.",
    401: "No valid API key was provided.",
    403: "You have reached the rate limit.",
    404: "The requested resource does not exist.",
    405: "This call does not have this method.",
    408: "The request did not arrive in time.",
    409: "The first request with this Idempotency-Key is still being answered.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "The body is of a kind that is not understood.",
    422: "Your request is valid but the creation of the resource failed.",
    429: "You have reached your usage limit.",
    431: "The headers are too large.",
    451: "The person owning the email address asked us to stop the processing of their personal data.",
    500: "Something went wrong on our side.",
    503: "A database does not answer.",
}


class Source(msgspec.Struct, frozen=True):
    """A page that the address was seen on: on which day first, and on which last."""

    domain: str
    uri: str
    extracted_on: Day
    last_seen_on: Day
    still_on_page: bool


_INSIDE: Mapping[str, Any] = {
    # What the index keeps as JSON and hands through: the Structs cannot know what is inside.
    "sources": Annotated[tuple[Source, ...], msgspec.Meta(max_length=20)],
    "technologies": tuple[str, ...],
    "linked_domains": tuple[str, ...],
}


def describe(routes: Routes, base_url: str = "") -> dict[str, Any]:
    """The OpenAPI document of *routes*."""
    kinds = {_opened(endpoint.result) for endpoint in routes.endpoints if endpoint.result not in _NO_JSON}
    kinds |= {_opened(endpoint.pending) for endpoint in routes.endpoints if endpoint.pending is not None}
    kinds |= {endpoint.params for endpoint in routes.endpoints if endpoint.params is not NoParams}
    _, schemas = msgspec.json.schema_components(
        [*sorted(kinds, key=lambda kind: kind.__name__), ErrorAnswer], ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, Any] = {}
    for endpoint in routes.endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    used = {endpoint.params.__name__ for endpoint in routes.endpoints if endpoint.method in ("GET", "DELETE")}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Vizsla",
            "version": vizsla.__version__,
            "description": _DESCRIPTION.replace("\n", " "),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": base_url or "/"}],
        "paths": paths,
        "components": {
            "schemas": {name: schema for name, schema in sorted(schemas.items()) if name not in used},
            "headers": {"X-Request-Id": _REQUEST_ID},
            "securitySchemes": {
                "header": {"type": "apiKey", "in": "header", "name": "X-API-KEY"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "query": {"type": "apiKey", "in": "query", "name": "api_key"},
            },
        },
    }


@cache
def _opened(kind: Any) -> Any:
    """*kind* with what is inside of the JSON that is handed through."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        opened = [
            (
                field.encode_name,
                _INSIDE[field.name] if field.type is msgspec.Raw else shown_as(field.type) or _opened(field.type),
            )
            for field in fields
        ]
        if all(field.type == type_ for field, (_, type_) in zip(fields, opened, strict=True)):
            return kind
        return msgspec.defstruct(kind.__name__, opened, namespace={"__doc__": kind.__doc__})
    inside = get_args(kind) if get_origin(kind) in (tuple, list, Union, UnionType) else ()
    parts = tuple(_opened(inner) for inner in inside)
    if parts == inside:
        return kind
    if get_origin(kind) in (Union, UnionType):
        return Union[parts]  # noqa: UP007
    return (list if get_origin(kind) is list else tuple)[parts]


def shown_as(kind: Any) -> Any:
    """What a type that is handed through as JSON says it is (`msgspec.Meta(extra={"shows": …})`); None if nothing."""
    said = [
        meta.extra["shows"]
        for meta in getattr(kind, "__metadata__", ())
        if isinstance(meta, msgspec.Meta) and meta.extra
    ]
    return said[0] if said else None


def _operation(endpoint: Endpoint, schemas: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.run.__name__,
        "summary": endpoint.summary.rstrip("."),
        "description": endpoint.description,
        "security": _security(endpoint),
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": _TEXT if name in WORDS else {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
            }
            for name in endpoint.place_names
        ],
        "responses": _responses(endpoint),
    }
    schema = schemas.get(endpoint.params.__name__, {})
    example = endpoint.upload.example if endpoint.upload is not None else ""
    if endpoint.method in ("GET", "DELETE") or example:
        operation["parameters"] += [
            _parameter(name, about, name in schema.get("required", ()))
            for name, about in schema.get("properties", {}).items()
        ]
    elif schema:
        reference = {"schema": {"$ref": f"#/components/schemas/{endpoint.params.__name__}"}}
        content: dict[str, Any] = {"application/json": reference, "application/x-www-form-urlencoded": reference}
        if endpoint.upload is not None:
            content |= {kind.decode(): {"schema": _TEXT} for kind in endpoint.upload.kinds}
        operation["requestBody"] = {"required": bool(schema.get("required")), "content": content}
    if endpoint.upload is not None and example:
        files = {kind.decode(): {"schema": _TEXT} for kind in endpoint.upload.kinds[1:]}
        first = {endpoint.upload.kinds[0].decode(): {"schema": {**_TEXT, "examples": [example]}}}
        operation["requestBody"] = {"required": True, "content": first | files}
    if endpoint.method == "POST":
        operation["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "The same key and parameters within 24 hours are answered with the first answer.",
                "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": KEY_PATTERN},
            }
        )
    return operation


def _security(endpoint: Endpoint) -> list[dict[str, list[str]]]:
    every: list[dict[str, list[str]]] = [{"header": []}, {"bearer": []}, {"query": []}]
    return {"key": every, "optional": [{}, *every], "open": []}[endpoint.access]


def _parameter(name: str, about: Mapping[str, Any], required: bool) -> dict[str, Any]:
    schema = {key: value for key, value in about.items() if key != "description"}
    named = [branch for branch in schema.get("anyOf", []) if branch.get("type") == "object"]
    if named:
        return {"name": name, "in": "query", "style": "deepObject", "explode": True, "schema": named[0]}
    parameter: dict[str, Any] = {"name": name, "in": "query", "required": required, "schema": _without_null(schema)}
    if "description" in about:
        parameter["description"] = about["description"]
    if schema.get("type") == "array":
        parameter |= {"style": "form", "explode": False}
    return parameter


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A query string has no null: a parameter is there or it is not."""
    default = schema.pop("default", None)
    if "anyOf" in schema:
        branches = [branch for branch in schema.pop("anyOf") if branch.get("type") != "null"]
        schema |= branches[0] if len(branches) == 1 else {"anyOf": branches}
    if "enum" in schema:
        schema["enum"] = [value for value in schema["enum"] if value is not None]
    if default not in (None, [], ()):
        schema["default"] = default
    return schema


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    headers: dict[str, Any] = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if endpoint.limit is not None:
        headers |= _RATE_HEADERS
    success: dict[str, Any] = {"description": _REASONS[endpoint.status], "headers": headers}
    if endpoint.result is Streamed:
        kind = _FILES.get(endpoint.path.rpartition(".")[2], "text/csv")
        success["content"] = {kind: {"schema": {} if kind == XLSX else _TEXT}}
    elif endpoint.result is not type(None):
        reference = {"$ref": f"#/components/schemas/{endpoint.result.__name__}"}
        success["content"] = {"application/json": {"schema": reference}}
    responses: dict[str, Any] = {str(endpoint.status): success}
    if endpoint.other_status is not None:
        responses[str(endpoint.other_status)] = success | {"description": _REASONS[endpoint.other_status]}
    if endpoint.pending is not None:
        reference = {"$ref": f"#/components/schemas/{endpoint.pending.__name__}"}
        content = {"application/json": {"schema": reference}}
        responses["202"] = {"description": _REASONS[202], "headers": headers, "content": content}
    ids_by_status: dict[int, list[str]] = {}
    for id_ in _error_ids(endpoint):
        ids_by_status.setdefault(STATUSES[id_], []).append(SHOWN_IDS.get(id_, id_))
    for status, ids in sorted(ids_by_status.items()):
        responses[str(status)] = {
            "description": f"{_REASONS[status]} Ids: {', '.join(f'`{id_}`' for id_ in ids)}.",
            "x-error-ids": ids,
            "headers": headers | (_RETRY if status in (403, 409, 503) else {}),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}},
        }
    return responses


def _error_ids(endpoint: Endpoint) -> list[str]:
    ids = list(endpoint.errors)
    ids += ["wrong_params", "bad_request", "internal_error", "store_unavailable", "request_timeout"]
    ids += ["uri_too_long", "headers_too_large", "method_not_allowed"]
    if endpoint.access == "key":
        ids.append("authentication_failed")
    if endpoint.limit is not None:
        ids.append("rate_limited")
    if endpoint.place_names:
        ids.append("not_found")
    if endpoint.method != "GET":
        ids += ["payload_too_large", "unsupported_media_type"]
    if endpoint.method == "POST":
        ids += ["idempotency_key_mismatch", "idempotency_key_in_flight"]
    return list(dict.fromkeys(ids))
