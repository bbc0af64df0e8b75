"""
What /openapi.json promises, machines hold us to: schemathesis on both stores.

FUZZ_EXAMPLES sets the cases tried on each operation; `FUZZ_EXAMPLES=500 pytest tests/contract/test_openapi.py`
is the long run.
"""

import asyncio
import os
import sys
from pathlib import Path

import jsonschema_rs
import msgspec
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from api.conftest import Api, listening
from vizsla.accounts.rate import parse_limits
from vizsla.api.openapi import describe
from vizsla.api.v2 import all_calls

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,ignored_auth,unsupported_method,allow_header_conformance"
)
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))


def test_the_description_is_openapi_3_1() -> None:
    described = msgspec.json.decode(msgspec.json.encode(describe(all_calls(trial=True))))

    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(described)] == []
    for schema in described["components"]["schemas"].values():
        jsonschema_rs.Draft202012Validator(schema | {"components": described["components"]})


async def test_the_api_is_as_its_description_says(api: Api, tmp_path: Path, dialect: str) -> None:
    # What stands between the socket and a call does not know the store: on the second, what reaches the calls will do.
    phases, examples = "examples,coverage,fuzzing,stateful", EXAMPLES
    if dialect != "sqlite":
        phases, examples = "examples,fuzzing", max(2, EXAMPLES // 4)
    plenty = parse_limits("100000/s")
    api.app.services.rates = dict.fromkeys(api.app.services.rates, plenty)
    await api.plan(1, plan_searches=10**9)
    # Nobody works on verifications here: each is a 202.
    api.app.services.patience = 0.05
    async with listening(api.app) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "schemathesis.cli", "run", f"{url}/openapi.json", "--header", f"X-API-KEY: {api.a}",
            "--phases", phases, "--max-examples", str(examples), "--seed", "1", "--checks", CHECKS,
            "--continue-on-failure", "--generation-deterministic", "--warnings", "off",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=tmp_path,
        )  # fmt: skip
        output, _ = await process.communicate()

    api.app.journal.flush()
    faults = [line for line in api.log.getvalue().splitlines() if '"event":"fault"' in line]
    assert process.returncode == 0, output.decode()[-12_000:]
    assert faults == []
