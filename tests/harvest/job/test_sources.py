"""What a person may name, and what becomes of it."""

import os
from collections import Counter
from pathlib import Path

import pytest

from archives import gz, page_about, response
from vizsla.harvest.sources import FILES_A_SOURCE, HarvestError, file_uri, find_sources
from vizsla.harvest.warc import read_pages


def test_folders_globs_and_files_name_each_source_once(tmp_path):
    warc = tmp_path / "deep" / "er" / "a.warc.gz"
    warc.parent.mkdir(parents=True)
    warc.write_bytes(gz(response("https://a.example/", b"<p>")))
    (tmp_path / "b.warc").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("not for us")

    sources = find_sources([str(tmp_path), str(tmp_path / "deep" / "**" / "*.gz"), str(warc)])

    assert [Path(source.path).name for source in sources] == ["b.warc", "a.warc.gz"]
    assert all(source.modified > 0 for source in sources)


def test_a_large_folder_of_pages_is_several_sources(tmp_path):
    for number in range(FILES_A_SOURCE + 3):
        (tmp_path / f"{number:04}.html").write_bytes(b"<p>")

    assert [len(source.files) for source in find_sources([str(tmp_path)])] == [FILES_A_SOURCE, 3]


@pytest.mark.parametrize(
    "path", ["https://a.example/x.warc.gz", "s3://bucket/x.warc.gz", "/no/such/file", "/no/such/*.warc"]
)
def test_what_is_not_there_is_said(path):
    with pytest.raises(HarvestError, match="is a URL" if "://" in path else "There is no"):
        find_sources([path])


def test_an_empty_folder_and_a_pipe_are_said(tmp_path):
    with pytest.raises(HarvestError, match="no WARC, WET or HTML"):
        find_sources([str(tmp_path)])
    os.mkfifo(tmp_path / "pipe.warc")
    with pytest.raises(HarvestError, match="neither a file nor a folder"):
        find_sources([str(tmp_path / "pipe.warc")])
    with pytest.raises(HarvestError, match="no WARC, WET or HTML"):
        find_sources([str(tmp_path)])


def test_a_mirror_has_the_uris_of_its_host(tmp_path):
    page = tmp_path / "www.Acme.example" / "über uns" / "team.html"
    page.parent.mkdir(parents=True)
    page.write_bytes(page_about("Acme", "jane@acme.example"))
    os.utime(page, (1_700_000_000, 1_700_000_000))

    for start in (tmp_path, tmp_path / "www.Acme.example", page):
        [read] = read_pages(str(start), Counter())
        host = "https://www.acme.example/" if start != page else ""
        assert read.uri == f"{host}%C3%BCber%20uns/team.html" if host else read.uri.startswith("file:///")
        assert read.fetched_at == 1_700_000_000


def test_a_folder_that_is_no_host_has_file_uris(tmp_path):
    folder = tmp_path / "python3.11"
    folder.mkdir()

    assert file_uri(str(folder), "a b.html") == "file://" + str(folder) + "/a%20b.html"
    assert file_uri(str(folder), "x/docs.acme.example/y/a.html") == "https://docs.acme.example/y/a.html"


def test_links_are_not_followed(tmp_path):
    outside = tmp_path / "secret.html"
    outside.write_bytes(b"<p>")
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "a.html").symlink_to(outside)
    (folder / "b.html").write_bytes(b"<p>")

    assert [source.files for source in find_sources([str(folder)])] == [("b.html",)]
