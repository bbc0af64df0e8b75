"""`vizsla leads`: files in and out at the terminal."""

import asyncio
import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from cli.test_commands import Command
from vizsla.kit.settings import Settings
from vizsla.storage.database import Connection
from vizsla.storage.open import open_stores
from vizsla.storage.statement import statement
from vizsla.webhooks.endpoints import create_endpoint

FILE = "E-Mail,First name,Company,Shoe size\nann@a.test,Ann,=1+1,38\nBOB@a.test,Bob,,\nnobody,,,\nann@a.test,Anna,,\n"


@pytest.fixture
def file(tmp_path: Path, vizsla: Command) -> Path:
    vizsla("user", "add", "jane@acme.example")
    path = tmp_path / "fair.csv"
    path.write_text(FILE)
    return path


def test_leads_come_in_and_go_out(vizsla: Command, file: Path, tmp_path: Path) -> None:
    dry = vizsla("leads", "import", str(file), "--list", "Fair", "--map", "shoe size=+", "--dry-run", "--json")
    assert dry.code == 0, dry.talk
    assert vizsla("leads", "export").out.count("\n") == 1
    done = vizsla(
        "leads", "import", str(file), "--list", "Fair", "--map", "shoe size=+", "--source", "The fair", "--json"
    )

    said, counts = json.loads(done.out), {"rows": 4, "created": 2, "updated": 1, "skipped": 0, "refused": 1}
    assert json.loads(dry.out) | counts == json.loads(dry.out)
    assert said | counts == said
    refused = list(csv.reader(io.StringIO((tmp_path / "fair.refused.csv").read_text())))
    assert (refused[1][0], refused[1][2:]) == ("3", ["nobody", "", "", ""])
    assert said["refused_file"] == str(tmp_path / "fair.refused.csv")

    rows = list(csv.DictReader(io.StringIO(vizsla("leads", "export").out)))
    assert [(row["email"], row["first_name"], row["company"], row["shoe_size"], row["leads_lists"]) for row in rows] == [
        ("ann@a.test", "Anna", "'=1+1", "38", "Fair"), ("bob@a.test", "Bob", "", "", "Fair"),
    ]  # fmt: skip
    out = tmp_path / "out.xlsx"
    told = vizsla(
        "leads", "export", "--out", str(out), "--where", "first_name=ann", "--where", "source=*", "--list", "fair"
    )
    assert (told.code, told.out, told.talk.endswith("out.xlsx: 1 leads.\n")) == (0, "", True)
    page = openpyxl.load_workbook(out).active
    assert [row[0] for row in page.values] == ["email", "ann@a.test"]
    lines = vizsla("leads", "export", "--format", "jsonl", "--where", "custom_attributes[shoe_size]=~").out
    assert [json.loads(line)["email"] for line in lines.splitlines()] == ["bob@a.test"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fair.csv", "fair.refused.csv", "home", "out.xlsx"]
    again = json.loads(vizsla("leads", "import", str(out), "--keep", "company,notes", "--skip-existing", "--json").out)
    assert (again["skipped"], again["refused"]) == (1, 0)


def test_who_listens_is_told_of_an_export(vizsla: Command, file: Path, home: Path) -> None:
    async def with_stores(do: Callable[[Connection], Awaitable[Any]]) -> Any:
        async with open_stores(Settings(home=home, secret_key="0" * 64)) as stores, stores.app.write() as conn:
            return await do(conn)

    url, told = "https://93.184.216.34/hook", statement("SELECT count(*) FROM webhook_delivery")
    asyncio.run(with_stores(lambda conn: create_endpoint(conn, 1, url, ["export.completed"], key=b"0" * 64, now=1)))
    assert vizsla("leads", "export").code == 0

    assert asyncio.run(with_stores(lambda conn: conn.fetch_one(told)))[0] == 1


def test_what_cannot_be_done_is_said_and_leaves_nothing(vizsla: Command, file: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.xlsx").write_bytes(b"PK\3\4 no workbook")
    for arguments, said in (
        (("import", str(tmp_path / "none.csv")), "There is no file"),
        (("import", str(tmp_path / "broken.xlsx")), "damaged"),
        (("import", str(file), "--map", "Nothing=email"), "There are: E-Mail, First name, Company, Shoe size."),
        (("import", str(file), "--map", "E-Mail="), "Say which column is email"),
        (("import", str(file), "--map", "Company=nothing"), "no custom attribute called nothing"),
        (("import", str(file), "--keep", "nothing"), "no custom attribute called nothing"),
        (("import", str(file), "--user", "who@acme.example"), "has no account here"),
        (("export", "--where", "nothing=1"), "no such filter"),
        (("export", "--where", "verification_status=maybe"), "verification_status"),
        (("export", "--list", "Nowhere"), "There is no list 'Nowhere'"),
        (("export", "--out", str(tmp_path / "x.doc")), "end it with .csv, .xlsx or .jsonl"),
        (("export", "--out", str(tmp_path / "no" / "x.csv")), "There is no folder"),
    ):
        ran = vizsla("leads", *arguments)
        assert (ran.code, ran.out, said in ran.talk) == (1, "", True), (arguments, ran)
    assert vizsla("leads", "export").out.count("\n") == 1
    vizsla("user", "add", "joe@globex.example")
    assert "Say whose leads are meant" in vizsla("leads", "export").talk
    assert vizsla("leads", "import", str(file), "--user", "joe@globex.example").code == 0
    assert vizsla("leads", "export", "--user", "jane@acme.example").out.count("\n") == 1


def test_beside_a_running_server(vizsla: Command, file: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "VIZSLA_HOME": str(tmp_path / "home")}
    command = [sys.executable, "-m", "vizsla.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            while "Ctrl-C" not in (line := server.stdout.readline()):
                assert line
            file.write_text("email\n" + "".join(f"p{n}@a.test\n" for n in range(2_000)))
            done = json.loads(vizsla("leads", "import", str(file), "--json").out)
        finally:
            server.terminate()
    assert (done["created"], done["refused"]) == (2_000, 0)
    assert vizsla("leads", "export").out.count("\n") == 2_001
