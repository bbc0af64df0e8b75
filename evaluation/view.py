"""
What does a person need to see to label a page?

Every spot of the raw page where an address may stand, disguises undone, with what stands round it, and the visible text
round the same spot. It shows far more than addresses; the person decides.

    .venv/bin/python -m evaluation.view 0 20      pages 0 to 19 of build/evaluation/drawn.jsonl
"""

import html
import re
import sys

import msgspec
from bs4 import BeautifulSoup

from evaluation.corpus import CACHE
from evaluation.draw import Drawn

SPOT = re.compile(
    r"""[\w⟩]\s?@\s?\w|[\[({<]\s*at\s*[\])}>]|\bat\b.{1,40}\b(?:dot|punkt)\b|%40|&\#0*64;|&\#x0*40;|&commat;|\\u0040|data-cfemail=|email-protection\#"""
    r"""|UnCryptMailto|enc-email|['"]\s*@\s*['"]|mailto:(?!\?)|itemprop=["']?email|unicode-bidi|direction:\s*rtl|atob\(|arroba|&\#109;""",
    re.IGNORECASE | re.VERBOSE,
)
CLOUDFLARE = re.compile(r"(?:data-cfemail=[\"']|email-protection#)([0-9a-f]{6,})", re.IGNORECASE)
TOKEN = re.compile(r"[^\s<>\"'(),;:]*$"), re.compile(r"[^\s<>\"'(),;:]*")
AROUND = 100


def uncover(match: re.Match[str]) -> str:
    data = bytes.fromhex(match[1][: len(match[1]) // 2 * 2])
    return f"{match[0]}<<{bytes(byte ^ data[0] for byte in data[1:]).decode('utf-8', 'replace')}>>"


def one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def spots(text: str, around: int, most: int = 2) -> list[str]:
    """Contexts of each different token, the first *most* of each, overlapping ones merged."""
    shown: dict[str, int] = {}
    windows: list[list[int]] = []
    for match in SPOT.finditer(text):
        token = (
            TOKEN[0].search(text[max(0, match.start() - 80) : match.start() + 1])[0]
            + TOKEN[1].match(text[match.end() : match.end() + 80])[0]
        )
        shown[token] = shown.get(token, 0) + 1
        if shown[token] > most:
            continue
        start, end = max(0, match.start() - around), match.end() + around
        if windows and start <= windows[-1][1]:
            windows[-1][1] = end
        else:
            windows.append([start, end])
    return [one_line(text[start:end]) for start, end in windows]


def show(number: int, page: Drawn) -> None:
    body = (CACHE / "pages" / f"{page.sha256}.html").read_bytes()
    declared = re.search(rb"charset=[\"']?([\w-]+)", body[:3000])
    try:
        raw = body.decode(declared[1].decode() if declared else "utf-8", "replace")
    except LookupError:
        raw = body.decode("utf-8", "replace")
    raw = CLOUDFLARE.sub(uncover, raw)
    raw = re.sub(r"[A-Za-z0-9+/=]{300,}", "…base64…", raw)
    soup = BeautifulSoup(raw, "lxml")
    title = one_line(soup.title.get_text())[:80] if soup.title else ""
    for junk in soup(["script", "style"]):
        junk.decompose()
    print(f"\n=== {number} {page.sha256[:8]} {page.package} {page.uri[-110:]} | {title}")
    raw_spots = spots(html.unescape(re.sub(r"&#0*64;|&#x0*40;", "⟨entity⟩@", raw)), AROUND)
    for context in raw_spots[:30]:
        print("  R", context[:900])
    if len(raw_spots) > 30:
        print(f"  R … {len(raw_spots) - 30} more")
    for context in spots(soup.get_text(" | "), 170, most=1)[:30]:
        print("  T", re.sub(r"(\| ?)+", "| ", context)[:900])


def main() -> None:
    pages = msgspec.json.decode(
        b"[" + b",".join((CACHE / "drawn.jsonl").read_bytes().splitlines()) + b"]", type=list[Drawn]
    )
    if len(sys.argv) == 3 and sys.argv[1].isdigit():
        wanted = range(int(sys.argv[1]), min(int(sys.argv[2]), len(pages)))
    else:
        wanted = [number for number, page in enumerate(pages) if page.sha256.startswith(tuple(sys.argv[1:]))]
    for number in wanted:
        show(number, pages[number])


if __name__ == "__main__":
    main()
