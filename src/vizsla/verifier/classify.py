"""
What does a reply mean for the mailbox that was asked about?

Decided by stage, then the class of the code, then the enhanced code, then the provider, then the words, in that order, by the
table in `reply_rules`. Pure. What cannot be told is `ambiguous` (control probes settle it) or a word that says whose trouble it
is; only `no_user` and `disabled` are about the mailbox alone.
"""

import re
from functools import lru_cache

import msgspec
import re2

from vizsla.mail.pacing import Verdict
from vizsla.mail.probe import Probe
from vizsla.mail.reply import Reply, make_reply
from vizsla.mail.wire import Phase
from vizsla.verifier.reply_rules import LISTS, RULES, URL_HINTS, VOCABULARY, Outcome, Rule, Stage, Topic

_URL = re.compile(r"https?\W{1,3}\S+|\bwww\.\S+")
_ADDRESS = re.compile(r"""["']?[^\s<>"'@;:,]{1,64}["']?@[\w.\[\]-]+""")
_IP = re.compile(r"\b(?:\d{1,3}[.-]){3}\d{1,3}\b|\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\b")
_EMBEDDED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_APOSTROPHES = str.maketrans("", "", "'’`´")
# Times, queue ids, versions: no two replies have the same, and none of them says anything.
_NUMBERED = re.compile(r"\b\w*\d\w*")
_WORD = re.compile(r"[^\W_]+(?:_[^\W_]+)*|[@#]")
_BRACKETS = (("<", ">"), ("(", ")"), ("[", "]"), ('"', '"'), ("'", "'"))
_LONGEST = 2_000
_NOT_THE_HOST = frozenset({"recipient-restricted", "said-relay", "said-content", "message-size", "message-content"})
"""Rules of refusals that hold for one recipient or one domain: its host, which may serve a thousand others, has nothing against us."""
_BEFORE: frozenset[Phase] = frozenset({"connect", "banner", "ehlo", "helo", "starttls", "tls", "auth", "rset", "mail"})


class Meaning(msgspec.Struct, frozen=True):
    """What a reply means, and the rule that says so."""

    outcome: Outcome
    rule: str


def classify(reply: Reply, phase: Phase = "rcpt", *, recipient: str = "", provider: str = "") -> Meaning:
    """The meaning of *reply*, given at *phase* by a server of *provider* to a question about *recipient*."""
    stage: Stage = "before" if phase in _BEFORE else "rcpt" if phase == "rcpt" else "after"
    text = reply.text[:_LONGEST]
    detail = (reply.enhanced or _embedded(reply.code, text) or "").partition(".")[2]
    said: frozenset[Topic] | None = None
    for rule in _rules(stage, reply.code):
        if not _fits(rule, detail, provider):
            continue
        if rule.says or rule.silent:
            said = topics(text, recipient) if said is None else said
            if (rule.says and said.isdisjoint(rule.says)) or not said.isdisjoint(rule.silent):
                continue
        return Meaning(rule.outcome, rule.id)
    raise AssertionError("the last rule fits everything")


def judge_pace(probe: Probe) -> Verdict:
    """What a probe's reply says of us, for the pace at which its host is asked; what `ProbePool(judge=…)` wants."""
    if probe.reply is None:
        return "fine"
    meaning = classify(probe.reply, probe.phase or "connect", recipient=probe.recipient)
    if meaning.outcome == "busy":
        return "busy"
    return "block" if meaning.outcome == "block" and meaning.rule not in _NOT_THE_HOST else "fine"


def parse_reply(code: int, text: str) -> Reply:
    """A reply that was written down: *text* with its enhanced code, as logs and bounces have it."""
    return make_reply(code, text.splitlines() or [""])


# Asked twice of each reply: what it means, and what it says of us.
@lru_cache(1_024)
def topics(text: str, recipient: str = "") -> frozenset[Topic]:
    """What *text* speaks of, addresses and URLs left out of it."""
    text = text.lower()
    if recipient:
        text = text.replace(recipient.lower(), " @ ")
        # Without its domain only where it is marked: "user" may be somebody's local part.
        local = recipient.lower().rpartition("@")[0]
        for opening, closing in _BRACKETS:
            text = text.replace(f"{opening}{local}{closing}", " @ ")
    urls = _URL.findall(text)
    return _topics(_words(_IP.sub(" # ", _ADDRESS.sub(" @ ", _URL.sub(" ", text)))), _words(" ".join(urls)))


# A host says the same to everybody whom it does not know, once the address is out of it.
@lru_cache(4_096)
def _topics(words: str, urls: str) -> frozenset[Topic]:
    said = {topic for topic, pattern in _patterns(spoken=True) if pattern.search(words.encode())}
    if urls.strip():
        said |= {topic for topic, pattern in _patterns(spoken=False) if pattern.search(urls.encode())}
    return frozenset(said)


def _words(text: str) -> str:
    return f" {' '.join(_WORD.findall(_NUMBERED.sub(' ', text.translate(_APOSTROPHES))))} "


def _embedded(code: int, text: str) -> str | None:
    """An enhanced code that does not stand where RFC 2034 wants it: qmail's "(#5.1.1)", a quoted or repeated one."""
    found = next((found for found in _EMBEDDED.findall(text) if found[0] == str(code)[0]), None)
    # One deep in the text may be somebody else's, or a version.
    return found if found and text.find(found) < 120 else None


def _fits(rule: Rule, detail: str, provider: str) -> bool:
    if rule.enhanced and not any(_is_detail(wanted, detail) for wanted in rule.enhanced):
        return False
    return not rule.providers or provider in rule.providers


def _is_detail(wanted: str, detail: str) -> bool:
    if wanted.endswith(".*"):
        return detail.startswith(wanted[:-1])
    if wanted.endswith("+"):
        subject, _, least = wanted[:-1].partition(".")
        return detail.startswith(f"{subject}.") and int(detail.partition(".")[2]) >= int(least)
    return wanted == detail


@lru_cache
def _rules(stage: Stage, code: int) -> tuple[Rule, ...]:
    return tuple(
        rule
        for rule in RULES
        if (not rule.stages or stage in rule.stages)
        and (not rule.codes or code in rule.codes or code // 100 in rule.codes)
    )


@lru_cache
def _patterns(*, spoken: bool) -> tuple[tuple[Topic, "re2._Regexp[bytes]"], ...]:
    """One pattern a topic, over words with one space round each. RE2, for its time is linear in whatever a server says."""
    options = re2.Options()
    # Over octets: a "word" of UTF-8 makes each program ten times as large.
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 16 << 20
    vocabulary = VOCABULARY if spoken else URL_HINTS
    return tuple(
        (topic, re2.compile(f" (?:{'|'.join(_phrase(phrase) for phrase in phrases)})".encode(), options))
        for topic, phrases in vocabulary.items()
    )


def _phrase(phrase: str) -> str:
    parts = []
    for part in phrase.split(" "):
        if part == "*":
            parts.append(r"(?:[^ ]+ ){0,3}")
            continue
        words = part.format_map(LISTS).split("|")
        either = "|".join(re.escape(word[:-1]) + "[^ ]*" if word.endswith("~") else re.escape(word) for word in words)
        parts.append(f"(?:{either}) ")
    return "".join(parts)
