"""
How is a call written, in curl and in Python?

With what the OpenAPI document gives as examples, and where it gives none with values that stand for what a parameter is
called. Keys and ids are variables of the environment (KEY, ID, LEAD_ID …), so that what is shown can be run as it stands.
"""

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec

Schema = dict[str, Any]

CURL, PYTHON = "$KEY", 'os.environ["KEY"]'
"""How both name the key."""
_VARIABLE = re.compile(r'"\$\{(\w+)\}"')
"""How a value that is a variable stands in a body, as JSON writes it."""
_PLACE = re.compile(r"\{([a-z_]+)\}")
_NAMED: Mapping[str, object] = {
    "email": "patrick@stripe.com",
    "domain": "stripe.com",
    "first_name": "Patrick",
    "last_name": "Collison",
    "name": "Reports",
    "position": "Engineer",
}
"""Values for what has no example, by name; a list of them is called the same and ends with an s."""


class Described(msgspec.Struct, frozen=True):
    """A call as the OpenAPI document has it."""

    method: str
    path: str
    operation: Schema
    params: list[Schema]
    """Those of a JSON body too, as if they were parameters."""
    takes_body: bool
    file: tuple[str, str] | None = None
    """Content type and text of a file as the body may be; None: it is no file, or need be none."""


class Sample(msgspec.Struct, frozen=True):
    """A request as an example."""

    method: str
    url: str
    """Ids in braces."""
    query: dict[str, object]
    body: dict[str, object]
    takes_body: bool
    takes_key: bool
    file: tuple[str, str] | None = None
    """Content type and text, if the body is a file."""
    saved_as: str = ""
    """What an answer is called that nobody can read: a workbook."""

    def typed(self, name: str, place: str) -> str:
        """The value of a parameter as somebody would type it."""
        value = (self.query if place == "query" else self.body if place == "body" else {}).get(name)
        if value is None or "${" in str(value):
            return ""  # whoever sends it knows the ids of their own things
        if isinstance(value, str):
            return value
        if isinstance(value, list) and not any(isinstance(one, dict) for one in value):
            return ",".join(map(str, value))
        return json.dumps(value, ensure_ascii=False, indent=2)


def describe_call(method: str, path: str, operation: Schema, schemas: Schema) -> Described:
    """One *operation* of a document, with all that it takes in one list."""
    contents = operation.get("requestBody", {}).get("content", {})
    body = resolve(contents["application/json"]["schema"], schemas) if "application/json" in contents else {}
    required = body.get("required", ())
    params = list(operation.get("parameters", [])) + [
        {"name": name, "in": "body", "schema": schema, "required": name in required}
        for name, schema in body.get("properties", {}).items()
    ]
    files = ((kind, about["schema"].get("examples")) for kind, about in contents.items())
    file = next(((kind, examples[0]) for kind, examples in files if examples), None)
    return Described(method, path, operation, params, bool(body), file)


def sample_of(base_url: str, call: Described, schemas: Schema) -> Sample:
    """The example of a call: what it must be given, what has an example, and in a body what is called as something we know."""
    found: dict[str, dict[str, object]] = {"query": {}, "body": {}}
    for given in call.params:
        name, place, schema = given["name"], given["in"], given["schema"]
        if place in found and (given.get("required") or _is_shown(name, place, schema, schemas)):
            found[place][name] = _value(name, schema, schemas)
    query = found["query"]
    if not query and any(given["name"] == "domain" and given["in"] == "query" for given in call.params):
        query["domain"] = _NAMED["domain"]
    body = [given for given in call.params if given["in"] == "body"]
    if body and not found["body"]:
        # Nothing must be there, and yet it would say nothing: a text says most.
        first = min(body, key=lambda given: without_null(given["schema"], schemas).get("type") != "string")
        found["body"][first["name"]] = _value(first["name"], first["schema"], schemas)
    takes_key = bool(call.operation.get("security"))
    saved_as = call.path.rpartition("/leads/")[2].replace("export", "leads") if call.path.endswith(".xlsx") else ""
    return Sample(
        call.method, base_url + call.path, query, found["body"], call.takes_body, takes_key, call.file, saved_as
    )


def write_curl(sample: Sample) -> str:
    """For a shell."""
    url = _PLACE.sub(lambda place: f"${place[1].upper()}", sample.url)
    lines = [f'curl "{_with_query(url, sample)}"']
    if sample.method != "GET":
        lines.append(f"-X {sample.method}")
    if sample.takes_key:
        lines.append(f'-H "X-API-KEY: {CURL}"')
    if sample.takes_body:
        body = shlex.quote(json.dumps(sample.body, ensure_ascii=False))
        # '{"list_id": '$LIST_ID'}': the shell fills in what stands between two pieces in quotes.
        lines += ['-H "Content-Type: application/json"', "-d " + _VARIABLE.sub(r"'$\1'", body)]
    if sample.file:
        kind, text = sample.file
        lines += [f'-H "Content-Type: {kind}"', f"--data-binary {shlex.quote(text)}"]
    if sample.saved_as:
        lines.append(f"-o {sample.saved_as}")
    return " \\\n  ".join(lines)


def write_python(sample: Sample) -> str:
    """With nothing but the standard library."""
    url = _with_query(_PLACE.sub(lambda place: f"{{os.environ['{place[1].upper()}']}}", sample.url), sample)
    lines = [f'{"f" if "{os." in url else ""}"{url}",']
    if sample.method != "GET":
        lines.append(f'method="{sample.method}",')
    headers = [f'"X-API-KEY": {PYTHON}'] if sample.takes_key else []
    headers += ['"Content-Type": "application/json"'] if sample.takes_body else []
    headers += [f'"Content-Type": "{sample.file[0]}"'] if sample.file else []
    if headers:
        lines.append(f"headers={{{', '.join(headers)}}},")
    if sample.takes_body:
        lines.append(f"data=json.dumps({_literal(sample.body)}).encode(),")
    if sample.file:
        lines.append(f"data={json.dumps(sample.file[1])}.encode(),")
    imports = [*(["json"] if sample.takes_body else []), *(["os"] if any("os." in line for line in lines) else [])]
    return "\n".join(
        [
            *(f"import {name}" for name in imports),
            "import urllib.request",
            "",
            "request = urllib.request.Request(",
            *(f"    {line}" for line in lines),
            ")",
            "with urllib.request.urlopen(request) as answer:",
            *_take_answer(sample),
        ]
    )


def _take_answer(sample: Sample) -> list[str]:
    if sample.saved_as:
        return [
            f'    with open("{sample.saved_as}", "wb") as file:',
            "        print(answer.status, file.write(answer.read()))",
        ]
    return ["    print(answer.status, answer.read().decode())"]


def resolve(schema: Schema, schemas: Schema) -> Schema:
    """*schema*, looked up if it is a reference."""
    found: Schema = schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    return found


def without_null(schema: Schema, schemas: Schema) -> Schema:
    """*schema* as that of a value that is there."""
    schema = resolve(schema, schemas)
    branches = [branch for branch in schema.get("anyOf", ()) if branch.get("type") != "null"]
    return {**schema, **resolve(branches[0], schemas)} if branches else schema


def _with_query(url: str, sample: Sample) -> str:
    if not sample.query:
        return url
    pairs = {
        name: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for name, value in sample.query.items()
    }
    return f"{url}?{urlencode(pairs, quote_via=quote, safe='@,')}"


def _literal(value: object) -> str:
    """As Python writes it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{json.dumps(key)}: {_literal(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if not isinstance(value, str):
        return repr(value)
    text = json.dumps(value, ensure_ascii=False)
    return _VARIABLE.sub(r'int(os.environ["\1"])', text)


def _is_shown(name: str, place: str, schema: Schema, schemas: Schema) -> bool:
    inner = without_null(schema, schemas)
    if inner.get("examples"):
        return True
    items = without_null(inner.get("items", {}), schemas)
    return place == "body" and bool(name in _NAMED or name.removesuffix("s") in _NAMED or items.get("properties"))


def _value(name: str, schema: Schema, schemas: Schema) -> object:
    """What stands for a parameter."""
    schema = without_null(schema, schemas)
    if schema.get("examples"):
        return schema["examples"][0]
    if "enum" in schema:
        return next(value for value in schema["enum"] if value is not None)
    match schema.get("type"):
        case "array":
            return [_value(name.removesuffix("s"), schema.get("items", {}), schemas)]
        case "object":
            needed = schema.get("required", ())
            return {
                inner: _value(inner, about, schemas)
                for inner, about in schema.get("properties", {}).items()
                if inner in needed or _is_shown(inner, "body", about, schemas)
            }
        case "integer" if name.endswith("_id"):
            return f"${{{name.upper()}}}"
        case "integer":
            return schema.get("minimum", 1)
        case "number":
            return schema.get("minimum", 0.5)
        case "boolean":
            return True
    return _NAMED.get(name, "text")
