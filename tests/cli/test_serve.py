"""`vizsla serve` as a newcomer meets it: what it prints works."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from vizsla.api.v2 import all_calls
from vizsla.harvest.sample import RICHEST_DOMAIN

PASSWORD = b"correct+horse+battery+staple"


class Server(NamedTuple):
    """A running `vizsla serve --with-sample`, and what it printed."""

    process: subprocess.Popen[str]
    environment: dict[str, str]
    printed: str
    url: str


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "vizsla.cli.main", *arguments]


def read_until(process: subprocess.Popen[str], mark: str, seconds: float = 60) -> str:
    assert process.stdout is not None
    text, end = "", time.monotonic() + seconds
    while mark not in text and time.monotonic() < end and process.poll() is None:
        if select.select([process.stdout], [], [], 0.5)[0]:
            # Past the buffer of the pipe: what waits in it, select does not see.
            text += os.read(process.stdout.fileno(), 1 << 16).decode()
    assert mark in text, text
    return text


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("served") / "home"
    environment = {**os.environ, "VIZSLA_HOME": str(home)}
    process = subprocess.Popen(
        command("serve", "--port", "0", "--with-sample"),
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        printed = read_until(process, "Ctrl-C")
        yield Server(process, environment, printed, re.findall(r"http://[\d.:]+", printed)[0])
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert "Traceback" not in said


def get(url: str, headers: dict[str, str] | None = None, data: bytes | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_printed_curl_line_answers_with_the_samples_addresses(server: Server) -> None:
    line = re.search(r'curl "([^"]+)" -H "X-API-KEY: (\w+)"', server.printed)
    assert line is not None

    status, body = get(line[1], {"X-API-KEY": line[2]})

    answer = json.loads(body)
    assert status == 200
    assert answer["meta"]["results"] >= 20
    assert all(email["value"].endswith(f"@{RICHEST_DOMAIN}") for email in answer["data"]["emails"])
    assert all(email["sources"] for email in answer["data"]["emails"])


def test_the_setup_link_makes_one_administrator(server: Server) -> None:
    link = re.search(r"http\S+/setup/\w+", server.printed)
    assert link is not None

    status, page = get(link[0])
    assert status == 200
    assert "<form" in page
    assert get(link[0], {"Sec-Fetch-Site": "cross-site"}, b"email=eve@acme.example")[0] == 403
    assert get(link[0], data=b"email=nobody&password=" + PASSWORD)[0] == 422
    assert get(link[0], data=b"email=jane@acme.example&password=short")[0] == 422
    assert get(link[0], data=b"email=jane@acme.example&password=" + PASSWORD)[0] == 200
    assert get(f"{server.url}/login", data=b"email=jane@acme.example&password=" + PASSWORD)[0] == 200
    assert get(f"{server.url}/login", data=b"email=jane@acme.example&password=another")[0] == 401

    assert get(link[0])[0] == 404
    assert get(link[0], data=b"email=eve@acme.example")[0] == 404


def test_a_page_greets_who_opens_it(server: Server) -> None:
    status, page = get(f"{server.url}/")

    assert status == 200
    assert "Who can you write to" in page
    for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
        assert get(server.url + path)[0] == 200


def test_a_page_names_every_call_and_its_parameters(server: Server) -> None:
    status, page = get(f"{server.url}/docs")

    assert status == 200
    for endpoint in all_calls(trial=True).endpoints:
        assert f"{endpoint.method} {endpoint.path}" in re.sub(r"</?span[^>]*>", "", page)
    assert "<code>required_field</code>" in page
    assert "1 to 100, 10 unless given" in page
    assert "`" not in page
    assert not re.search(r"<script(?! type=.module. src| src)|style=|(?:src|href)=.?https?:", page)


@pytest.mark.parametrize(
    "path",
    ["/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/etc/passwd", "/static/..%5c..%5cx", "/static/%00",
     "/static//etc/passwd", "/.git/config", "/.env", "/data/app.db", "/setup/%00", "/setup/", "/debug"],
)  # fmt: skip
def test_what_is_not_there_is_not_there(server: Server, path: str) -> None:
    status, body = get(server.url + path)

    assert status == 404
    assert "root:" not in body


def test_a_second_server_on_the_home_is_refused_with_the_reason(server: Server) -> None:
    second = subprocess.run(
        command("serve", "--port", "0"), env=server.environment, capture_output=True, text=True, timeout=60
    )

    assert second.returncode == 1
    assert "one server on one home" in second.stderr


def test_every_other_command_works_beside_it(server: Server) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command(*arguments), env=server.environment, capture_output=True, text=True, timeout=120)

    made = run("user", "add", "beside@acme.example", "--json")
    key = json.loads(made.stdout)["api_key"]
    query = f"{server.url}/v2/domain-search?domain={RICHEST_DOMAIN}&limit=100"
    before = json.loads(get(query, {"X-API-KEY": key})[1])
    stopped = before["data"]["emails"][0]["value"]

    assert run("claim", "add", stopped).returncode == 0
    after = json.loads(get(query, {"X-API-KEY": key})[1])

    assert after["meta"]["results"] == before["meta"]["results"] - 1
    assert stopped not in {email["value"] for email in after["data"]["emails"]}
    assert run("doctor").returncode == 0


def test_output_that_cannot_be_written_is_not_success(server: Server) -> None:
    with Path("/dev/full").open("w") as full:
        to_full = subprocess.run(
            command("search", RICHEST_DOMAIN), env=server.environment, stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    piped = subprocess.run(
        f"{sys.executable} -m vizsla.cli.main search {RICHEST_DOMAIN} --json | head -1; exit ${{PIPESTATUS[0]}}",
        shell=True, executable="/bin/bash", env=server.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert to_full.returncode != 0
    assert piped.stdout == "{\n"
    assert "Traceback" not in piped.stderr
    assert "\x1b" not in piped.stdout
