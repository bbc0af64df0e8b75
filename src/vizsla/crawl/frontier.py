"""
Which page of this domain is worth the next request?

Pure: no clock, no network. URLs come in from pages, sitemaps and the last crawl; they go out best first, each once, inside one
registrable domain, and a calendar or a shop's filters cannot swallow the budget.
"""

import heapq
import re
from collections import Counter
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit

import msgspec

from vizsla.crawl.words import word_score
from vizsla.kit.domain_name import registrable_domain, to_ascii

MAX_URL = 2_000
MAX_SEEN = 50_000
MAX_PENDING = 5_000
"""Beyond this the worse half is forgotten: links that a budget of some hundred pages would never come to."""
MAX_SEGMENTS = 8
MAX_QUERY = 3
"""Parameters of a query; more are a search form or a facet."""
SAME_QUERY = 5
"""Pages that differ in the values of their query alone (`/list?page=`) that are taken."""
SAME_NUMBER = 10
"""Pages that differ in numbers alone (`/calendar/2026/11`, `/team/12`) that are taken."""
SAME_FOLDER = 25
"""Pages of one folder that are taken: a team's profiles, yes; the whole blog, no."""
_PATH_SAFE = "/:@!$&'()*+,;=-._~%"
_EXTENSIONS = """
    7z aac apk atom avi bin bmp bz2 css csv dmg doc docx eot eps epub exe flac gif gz ico ics iso jar jpeg jpg js json m4a m4v
    map mkv mov mp3 mp4 mpeg mpg msi odp ods odt ogg ogv otf pdf png ppt pptx ps rar rss rtf svg swf tar tgz tif tiff ttf txt
    vcf wasm wav webm webmanifest webp wmv woff woff2 xls xlsx xml xz zip zst
"""
_NOT_PAGES = frozenset(_EXTENSIONS.split())
_TRACKING = re.compile(
    r"(?:utm_\w+|fbclid|gclid|msclkid|mc_[ce]id|_ga|_gl|phpsessid|jsessionid|sessionid|sid|ref|share)\Z", re.IGNORECASE
)
_SESSION_PATH = re.compile(r";(?:jsessionid|sid|phpsessid)=[^/?#]*", re.IGNORECASE)
_DIGITS = re.compile(r"\d+")
_PERCENT = re.compile(r"%([0-9a-fA-F]{2})")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_BAD_PERCENT = re.compile(r"%(?![0-9a-fA-F]{2})")


class Candidate(msgspec.Struct, frozen=True):
    """A URL that may be fetched next."""

    url: str
    depth: int
    hops: int = 0
    """Redirects that led here one after the other."""


class Frontier:
    """The URLs of one registrable domain that are still to be fetched, best first."""

    def __init__(self, domain: str, *, max_depth: int) -> None:
        self.domain = domain
        self._max_depth = max_depth
        self._heap: list[tuple[float, int, Candidate]] = []
        self._seen: set[str] = set()
        self._taken: Counter[str] = Counter()
        self._count = 0
        self.skipped: Counter[str] = Counter()
        """URLs that were not taken, by reason."""

    def add(
        self, href: str, *, base: str = "", text: str = "", depth: int = 0, hops: int = 0, bonus: float = 0
    ) -> bool:
        """
        Offer a link as it is written, with its anchor *text*. False if it is not wanted or known already.

        Links to other domains, to mail and to scripts are no pages of ours and not counted.
        """
        url = canonical(href, base)
        if url is None or not self.owns(url) or url in self._seen:
            return False
        parts = urlsplit(url)
        reason = "depth" if depth > self._max_depth else _unwanted(parts)
        if not reason and len(self._seen) >= MAX_SEEN:
            reason = "too many links"
        if reason:
            self.skipped[reason] += 1
            return False
        self._seen.add(url)
        self._count += 1
        score = (
            word_score(unquote(parts.path), text)
            + bonus
            - 12 * depth
            - 4 * parts.path.count("/")
            - 20 * bool(parts.query)
        )
        heapq.heappush(self._heap, (-score, self._count, Candidate(url, depth, hops)))
        if len(self._heap) > MAX_PENDING:
            self.skipped["too many links"] += len(self._heap) - MAX_PENDING // 2
            self._heap = heapq.nsmallest(MAX_PENDING // 2, self._heap)
        return True

    def take(self) -> Candidate | None:
        """The best URL left, or None."""
        while self._heap:
            _, _, candidate = heapq.heappop(self._heap)
            shapes = _shapes(urlsplit(candidate.url))
            if any(self._taken[shape] >= most for shape, most in shapes):
                self.skipped["same shape"] += 1
                continue
            self._taken.update(shape for shape, _ in shapes)
            return candidate
        return None

    def put_back(self, candidate: Candidate) -> None:
        """*candidate* could not be had now; it comes again, first."""
        self._count += 1
        heapq.heappush(self._heap, (-1e6, self._count, candidate))

    def owns(self, url: str) -> bool:
        """Whether *url* (canonical) lies within the registrable domain."""
        return registrable_domain(urlsplit(url).hostname or "") == self.domain

    def __len__(self) -> int:
        return len(self._heap)


def canonical(href: str, base: str = "") -> str | None:
    """
    The one spelling of a link by which we know a page, or None if it is no http(s) URL.

    Lower-case host with A-labels, no default port, no fragment, dot segments resolved, percent-encoding as RFC 3986 6.2.2 has
    it, no session ids and campaign tags. A slash at the end and the order of parameters are kept: they can matter.
    """
    if len(href) > MAX_URL:
        return None
    try:
        parts = urlsplit(urljoin(base, href.strip()))
        port = parts.port
        path = _normal(_without_dots(_SESSION_PATH.sub("", parts.path)))
        pairs = [pair for pair in parts.query.split("&") if pair and not _TRACKING.match(pair.partition("=")[0])]
        query = _normal("&".join(pairs), "?")
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or parts.username is not None or not parts.hostname:
        return None
    host = to_ascii(parts.hostname.rstrip(".").lower())
    if host is None:
        return None
    if port is not None and port != {"http": 80, "https": 443}[parts.scheme]:
        host = f"{host}:{port}"
    url = f"{parts.scheme}://{host}{path}" + (f"?{query}" if query else "")
    return url if len(url) <= MAX_URL else None


def _without_dots(path: str) -> str:
    """RFC 3986 5.2.4. urljoin does this for relative links alone."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _normal(text: str, also_safe: str = "") -> str:
    text = quote(_BAD_PERCENT.sub("%25", text), safe=_PATH_SAFE + also_safe)
    return _PERCENT.sub(_plain_or_upper, text)


def _plain_or_upper(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _unwanted(parts: SplitResult) -> str:
    """Why a URL of ours is not worth a request, or an empty text."""
    segments = [segment for segment in parts.path.split("/") if segment]
    if len(segments) > MAX_SEGMENTS:
        return "deep path"
    if any(count > 2 for count in Counter(segments).values()):
        return "repeated path"  # a relative link that grows by a folder with each click
    if parts.query.count("&") >= MAX_QUERY:
        return "long query"
    extension = segments[-1].rpartition(".")[2].lower() if segments and "." in segments[-1] else ""
    return "not a page" if extension in _NOT_PAGES else ""


def _shapes(parts: SplitResult) -> list[tuple[str, int]]:
    """What *parts* looks like with its numbers and names blotted out, and how many of that look are taken."""
    host = parts.netloc
    folder = parts.path.rstrip("/").rpartition("/")[0]
    shapes = [(f"{host}{folder}/*", SAME_FOLDER)] if folder else []
    blotted = _DIGITS.sub("0", parts.path)
    if parts.query:
        keys = ",".join(sorted({pair.partition("=")[0] for pair in parts.query.split("&")}))
        shapes.append((f"{host}{blotted}?{keys}", SAME_QUERY))
    elif blotted != parts.path:
        shapes.append((f"{host}{blotted}", SAME_NUMBER))
    return shapes
