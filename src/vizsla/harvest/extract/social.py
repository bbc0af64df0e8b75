"""
Whose account is a link to a social network?

A company's handles, as they stand in the network's URL: `acme` on twitter, facebook and instagram, `company/acme` on
linkedin, `@acme`, `channel/UC…`, `user/acme` or `c/acme` on youtube. Share buttons, plug-ins, posts and searches are nobody's.
"""

import re
from urllib.parse import unquote

MAX_URL = 512

_HOSTS = {
    "twitter.com": "twitter", "x.com": "twitter", "facebook.com": "facebook", "fb.com": "facebook", "linkedin.com": "linkedin",
    "instagram.com": "instagram", "youtube.com": "youtube",
}  # fmt: skip
_HOST_PREFIX = re.compile(r"(?:www|m|mobile|web|[a-z]{2}|[a-z]{2}-[a-z]{2})\.", re.IGNORECASE)

_TWITTER = re.compile(r"[A-Za-z0-9_]{1,15}\Z")
_FACEBOOK = re.compile(r"[A-Za-z0-9.\-]{3,75}\Z")
_INSTAGRAM = re.compile(r"[A-Za-z0-9_.]{1,30}\Z")
_LINKEDIN = re.compile(r"[\w\-.&'’%]{2,100}\Z")
_YOUTUBE = re.compile(r"[\w.\-]{2,100}\Z")

# Paths of the networks themselves.
_TWITTER_WORDS = "share intent home search hashtag i login signup settings tos privacy about widgets explore compose messages download oauth twitter"
_FACEBOOK_WORDS = """
    sharer sharer.php share share.php dialog plugins tr hashtag events groups login login.php help policies policy.php privacy legal terms
    business ads profile.php people watch photo photo.php photos video.php videos story.php permalink.php media marketplace reel reels gaming
    facebook home.php search l.php 2008 v2.0 wordpress.com
"""
_INSTAGRAM_WORDS = "p explore accounts about developer legal reel reels stories tv share instagram web direct"
_NOT_TWITTER = frozenset(_TWITTER_WORDS.split())
_NOT_FACEBOOK = frozenset(_FACEBOOK_WORDS.split())
_NOT_INSTAGRAM = frozenset(_INSTAGRAM_WORDS.split())


def handle_of(url: str) -> tuple[str, str] | None:
    """The network (`twitter`, `facebook`, `linkedin`, `instagram`, `youtube`) and the handle of a company that *url* leads to, or None."""
    if len(url) > MAX_URL:
        return None
    address = url.strip().partition("//")[2] if "//" in url[:9] else url.strip()
    host, _, path = address.partition("/")
    host = _HOST_PREFIX.sub("", host.lower(), count=1) if host.count(".") > 1 else host.lower()
    network = _HOSTS.get(host.partition(":")[0])
    if network is None:
        return None
    segments = [
        segment for segment in re.split("[?]|#(?!!)", path, maxsplit=1)[0].split("/") if segment and segment != "#!"
    ]
    handle = _READERS[network](segments) if segments else None
    return (network, handle) if handle else None


def _twitter(segments: list[str]) -> str | None:
    name = segments[0].removeprefix("@")
    # A second segment is a post or a list of somebody, often not the site's owner.
    return name if len(segments) == 1 and _TWITTER.match(name) and name.lower() not in _NOT_TWITTER else None


def _facebook(segments: list[str]) -> str | None:
    first = segments[0].lower()
    if first in {"pages", "pg"} and len(segments) > 1:
        if len(segments) > 2 and segments[-1].isdigit():
            return f"pages/{segments[-2]}/{segments[-1]}"
        return segments[1] if first == "pg" and _FACEBOOK.match(segments[1]) else None
    return segments[0] if first not in _NOT_FACEBOOK and _FACEBOOK.match(segments[0]) and len(segments) <= 2 else None


def _linkedin(segments: list[str]) -> str | None:
    if len(segments) < 2 or segments[0].lower() not in {"company", "school", "showcase"}:
        return None
    name = unquote(segments[1]).strip()
    return f"{segments[0].lower()}/{name}" if _LINKEDIN.match(name) else None


def _instagram(segments: list[str]) -> str | None:
    name = segments[0].removeprefix("@")
    return name if len(segments) == 1 and _INSTAGRAM.match(name) and name.lower() not in _NOT_INSTAGRAM else None


def _youtube(segments: list[str]) -> str | None:
    if segments[0].startswith("@"):
        name = unquote(segments[0])
        return name if _YOUTUBE.match(name[1:]) else None
    if len(segments) > 1 and segments[0] in {"channel", "user", "c"} and _YOUTUBE.match(segments[1]):
        return f"{segments[0]}/{segments[1]}"
    return None


_READERS = {
    "twitter": _twitter,
    "facebook": _facebook,
    "linkedin": _linkedin,
    "instagram": _instagram,
    "youtube": _youtube,
}
