"""Pages of one megabyte, each made to hurt a reader of pages."""

from collections.abc import Iterator

SIZE = 1_000_000


def pages() -> Iterator[tuple[str, bytes]]:
    """(what it is, body), the same at every call."""
    yield "mailto links", _filled(b'<a href="mailto:jane%d@acme%d.example">Jane Roe</a>, CEO<br>\n')
    yield "10,000 addresses in text", _filled(b"Jane Roe, jane.roe%d@acme%d.example, +1 202 555 0100<br>")
    yield "addresses without a break", _filled(b"a%d@b%d.example,")
    yield "divs never closed", b"jane@acme.example" + b"<div>" * (SIZE // 5)
    yield "list items never closed", b"jane@acme.example" + b"<ul><li>" * (SIZE // 8)
    yield "tables in tables", b"jane@acme.example" + b"<table><tr><td>" * (SIZE // 15)
    yield "formatting never closed", b"jane@acme.example" + b"<b><i><font>" * (SIZE // 12)
    yield "one long local part", b"<p>" + b"a" * SIZE + b"@acme.example"
    yield "dots and dashes", b"<p>" + b"a.-" * (SIZE // 3) + b"@acme.example"
    yield "nothing but @", b"<p>jane@acme.example " + b"@" * SIZE
    yield "a@a@a@", b"<p>" + b"a@" * (SIZE // 2) + b"acme.example"
    yield "nothing but <", b"jane@acme.example" + b"<" * SIZE
    yield "mailto: again and again", b"jane@acme.example" + b"mailto:" * (SIZE // 7)
    yield " at  at  at ", b"<p>jane@acme.example" + b" at " * (SIZE // 4)
    yield " [at] [dot] ", b"<p>" + b"jane [at] acme [dot] " * (SIZE // 21)
    yield "entities of @", b"<p>jane@acme.example" + b"a&#64;" * (SIZE // 6)
    yield "entities without end", b"<p>jane@acme.example" + b"&#64" * (SIZE // 4)
    yield "protected, Cloudflare", _filled(b'<a data-cfemail="%d6162406163%d2e6578616d706c65">x</a>')
    yield "JSON-LD, deep", _script(b"[" * (SIZE // 2) + b"]" * (SIZE // 2))
    yield "JSON-LD, broken braces", _script(b'{"@type":"Person","email":"jane@acme.example",' * (SIZE // 45))
    yield (
        "JSON-LD, many people",
        _script(b"[" + _filled(b'{"@type":"Person","name":"Jane %d Roe","email":"j%d@acme.example"},') + b"{}]"),
    )
    yield (
        "state in a script",
        b"<script>window.x={" + _filled(b'"k%d":{"email":"j%d@acme.example","name":"J R"},') + b"}</script>",
    )
    yield "script never closed", b"<p>jane@acme.example<script>" + b"var a='@';" * (SIZE // 10)
    yield "comment never closed", b"<p>jane@acme.example<!--" + b"-- >" * (SIZE // 4)
    yield "attributes without end", b"<p>jane@acme.example<a " + b"a=b " * (SIZE // 4)
    yield "base64", b"<p>jane@acme.example<img src='data:image/png;base64," + b"iVBORw0KGgo+/" * (SIZE // 13) + b"'>"
    yield "invalid UTF-8", b"<p>jane@acme.example" + b"\xc3\x28\xff\xfe" * (SIZE // 4)
    yield (
        "UTF-16",
        "<p>jane@acme.example ".encode("utf-16") + ("Jane Roe j@a.example " * (SIZE // 42)).encode("utf-16-le"),
    )
    yield "no-break spaces", b"<p>jane@acme.example" + b"\xc2\xa0" * (SIZE // 2)
    yield "phone numbers", _filled(b"jane%d@acme%d.example +44 20 7946 0958 (020) 7946-0958<br>")
    yield "NULs", b"<p>jane@acme.example" + b"\0" * SIZE


def _filled(pattern: bytes) -> bytes:
    parts: list[bytes] = []
    size = number = 0
    while size < SIZE:
        parts.append(pattern % ((number, number % 977) if pattern.count(b"%d") == 2 else number))
        size += len(parts[-1])
        number += 1
    return b"".join(parts)


def _script(json: bytes) -> bytes:
    return b'<p>jane@acme.example<script type="application/ld+json">' + json + b"</script>"
