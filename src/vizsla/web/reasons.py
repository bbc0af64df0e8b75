"""Why was something not read? The words of crawls and harvests as sentences for people."""

import re
from collections.abc import Mapping

import msgspec

_WORDS = {
    # Of crawls: URLs that gave no page.
    "robots": "The site's robots.txt asks that these be left alone.",
    "not a page": "No web page: a picture, a document, a script.",
    "depth": "More than three clicks from the home page.",
    "deep path": "The path has too many folders.",
    "repeated path": "The path repeats itself, as links in a loop do.",
    "long query": "The address has too many parameters.",
    "too many links": "The site links to more pages than are remembered.",
    "same shape": "Enough pages that look alike were read: calendars, product lists, a blog.",
    "redirect elsewhere": "It leads to another domain, which is not crawled.",
    "redirects": "It leads from one address to the next without end.",
    "redirect": "It leads to another address, which was asked instead.",
    "noarchive": "The page asks not to be kept.",
    "empty": "The answer was empty.",
    "refused": "The address is private or reserved.",
    "unreachable": "The server did not answer.",
    "missing": "The archive does not have it, though an index says so.",
    "range_ignored": "The server sends whole files where a part is asked for.",
    "record_differs": "The archive has another page there than its index says.",
    "tls": "The certificate or the encryption of the server does not hold.",
    "timeout": "The answer took too long.",
    "broken": "The answer broke off or made no sense.",
    "encoding": "The answer is compressed in a way that cannot be undone.",
    "port": "The link names a port that is not crawled.",
    "url": "The link is no proper address.",
    "status 401": "The page wants a password.",
    "status 403": "The server forbids the page.",
    "status 404": "There is no such page.",
    "status 410": "The page is gone for good.",
    "status 429": "The server asked us to slow down.",
    "sitemap declares entities": "A sitemap that could harm who reads it.",
    "sitemap not a sitemap": "What is called a sitemap is none.",
    # Of harvests: pages and addresses that were left out.
    "webmail": "Addresses of webmail providers, which belong to no company.",
    "disposable": "Addresses to throw away.",
    "claimed": "Their owner asked that they be forgotten.",
    "placeholder": "Examples, such as name@example.com.",
    "not_an_address": "It looks like an address and is none.",
    "message_id": "Numbers of messages, which only look like addresses.",
    "local_part_too_long": "Longer than an address may be.",
    "login": "Part of a link with a user name.",
    "user_of_url": "Part of a link with a user name.",
    "other_protocol": "Names of another service, such as chat.",
    "protected": "Protected on purpose; VIZSLA_DECODE_PROTECTED decides.",
    "in_comment_or_style": "In a comment or a style, which nobody reads.",
    "noindex": "The page asks not to be indexed.",
    "not_html": "No web page.",
    "not_http": "No answer of a web server.",
    "status_not_200": "The server answered with something else than the page.",
    "page_cut_at_limit": "The page is longer than is read.",
    "body_cut_at_limit": "The page is longer than is read.",
    "page_too_slow": "Reading the page took too long.",
    "page_crashed": "The page ended the process that read it.",
    "record_broken": "A broken piece of the archive.",
    "record_cut": "A piece of the archive that breaks off.",
    "record_without_date": "A piece of the archive without a date.",
    "record_without_uri": "A piece of the archive without an address.",
    "revisit_without_digest": "A repeated visit that does not say of what.",
    "encoding_broken": "Compressed in a way that cannot be undone.",
    "uri_too_long": "The address of the page is too long.",
    "malformed": "It holds marks that no name or address has.",
}
_STATUS = re.compile(r"status (\d{3})\Z")


class Reason(msgspec.Struct, frozen=True):
    """Why, and how often."""

    text: str
    count: int


def explain(counts: Mapping[str, int]) -> list[Reason]:
    """*counts* by reason as sentences, the most frequent first."""
    said = [Reason(_sentence(word), count) for word, count in counts.items()]
    return sorted(said, key=lambda reason: (-reason.count, reason.text))


def _sentence(word: str) -> str:
    if word in _WORDS:
        return _WORDS[word]
    if status := _STATUS.match(word):
        return f"The server had a fault (status {status[1]})." if status[1] >= "500" else f"Status {status[1]}."
    if word.startswith("page_failed"):
        return "Vizsla failed to read the page, which is a fault of ours."
    return word.replace("_", " ").capitalize() + "."
