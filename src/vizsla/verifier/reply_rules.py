"""
What do mail servers mean by their replies? The vocabulary and the table.

`VOCABULARY` says in which words something is said, `RULES` what follows from stage, code, enhanced code, provider and what was
said; the first rule that fits decides. Written from RFC 5321, 3463, 5248, 7372, 7504 and 7505, from what vendors document, and
from what Postfix, Exim, OpenSMTPD and Exchange were seen to say. A rule earns its place by what servers in general mean, never
by one server's sentence. Nothing here is matched against an address or a URL: those are taken out first.
"""

from typing import Literal

import msgspec

Outcome = Literal["accepted", "no_user", "disabled", "full", "defer", "block", "busy", "need_tls", "weird", "ambiguous"]
Stage = Literal["before", "rcpt", "after"]
"""`before`: up to MAIL, where nothing is about the mailbox. `after`: DATA and the message."""
Topic = Literal[
    "unknown",
    "unavailable",
    "rejected",
    "disabled",
    "full",
    "sender",
    "policy",
    "relay",
    "rate",
    "greylist",
    "later",
    "tls",
    "size",
    "content",
]

# Phrases are words in lower case without apostrophes. `*` stands for up to three words, `|` for either, a final `~` for any
# ending, {name} for a list below. `@` is an address that was taken out, `#` an IP address.
LISTS = {
    "rcpt": "user|users|username|userid|recipient|recipients|mailbox|mailboxes|account|address|adress|addresse|addressee|inbox|alias|"
    "addresses|customer|person|destination|emailaddress|mailaddress|receiver|usuario|usuário|destinatario|destinatário|utente|casella|"
    "buzon|buzón|cuenta|conta|caixa|empfänger|empfaenger|postfach|benutzer|adresse|mailadresse|emailadresse|destinataire|"
    "utilisateur|compte|boite|boîte|indirizzo|dirección|direccion|endereço|odbiorca|konto|ontvanger|gebruiker|получатель|"
    "пользователь|ящик|адресат|@",
    "box": "user|recipient|mailbox|account|inbox|alias|customer|addressee|mailaddress|casella|cuenta|conta|caixa|buzon|buzón|"
    "postfach|konto|compte|boite|boîte|usuario|usuário|utente|mailadresse|emailadresse|ящик|пользователь",
    # That a thing is not there, in one word, before its noun or behind it; misspelt as servers do.
    "none": "unknown|unkown|unknow|unkonwn|invalid|illegal|bad|wrong|nonexistent|nonexistant|nonexisting|inexistent|unroutable|"
    "unrouteable|undeliverable|unresolvable|unrecognized|unrecognised|misspelled|desconocido|desconocida|desconhecido|"
    "desconhecida|inconnu|inconnue|sconosciuto|sconosciuta|unbekannt|unbekannter|unbekannte|onbekend|nieznany|inexistant|"
    "inexistante|inexistente|inesistente|invalide|inválido|ungültig|ungueltig|неизвестен|неизвестный",
    "not": "not|doesnt|dosnt|dont|didnt|isnt|wasnt|cannot|cant|couldnt|never",
    "there": "found|exist|exists|existing|known|recognized|recognised|registered|local|listed|defined|configured|present|valid|located",
    "find": "find|locate|resolve|identify|recognize|recognise",
    "mail": "mail|mails|message|messages|email|emails|connection|connections|delivery|submission|session",
    "off": "disabled|inactive|suspended|deactivated|locked|frozen|expired|closed|terminated|discontinued|dormant|"
    "cancelled|canceled|deleted|removed|desativada|desactivada|gesperrt|deaktiviert|"
    "disabilitata|disattivata|sospesa|suspendida|заблокирован|отключен|удален",
    "refused": "refused|rejected|blocked|denied|declined|bounced|unacceptable",
    "list": "blacklist~|blocklist~|blackhole~|denylist|dnsbl~|rbl|rbls|spamhaus~|spamcop|sorbs|uceprotect~|cloudmark|"
    "senderbase|senderscore|barracudacentral|abuseat|cbl|dnswl|surbl|uribl|invaluement|mailspike|spamrats|backscatterer|"
    "abusix|sbl|xbl|pbl|csi|bl",
}

VOCABULARY: dict[Topic, tuple[str, ...]] = {
    "unknown": (
        "no such * {rcpt}", "no such alias|name|local", "{none} {rcpt}",
        "{none} destination|email|e|mail|local|virtual|relay|receiver|or {rcpt}", "{none} destination|email|local|or * {rcpt}",
        "{rcpt} * {none}", "{rcpt} * {not} * {there}", "{rcpt} {not} here|ok|ours|in", "{rcpt} that|which|you * * {not} * {there}",
        "{not} exist~ * {rcpt}", "{not} a|an|our {rcpt} of|on|in|at|here", "{not} {rcpt} of|on|at|here", "{rcpt} is|are not here|ours|in",
        "non existent|existing|existant {rcpt}", "{rcpt} * not|doesnt match|have", "{rcpt} lookup * failed",
        "no {rcpt} here|by|with|found|named|exists", "no valid|known|such {rcpt}", "{not} a valid|known * {rcpt}", "not our customer",
        "no account|mailbox|user", "{none} local part", "user not local", "not a member of domain",
        "{rcpt} * no longer * exist~|valid|here|on|at|with|works", "{rcpt} * has|have moved|left", "no longer employed|works",
        "nobody at|here|by|with", "no one at|here|by|with|named|called", "noone at|here|by|with", "{not} {find} * {rcpt}",
        "not|unable|failed|not be able to {find} * {rcpt}", "{rcpt} cannot|can|could * be verified", "cannot|cant|couldnt verify {rcpt}",
        "notfound|usernotfound|recipnotfound|mailboxnotfound|recipientnotfound|nosuchuser|userunknown", "no|não|nao existe",
        "nexiste pas", "existiert nicht", "bestaat niet", "nie istnieje", "neexistuje", "existerar|finns inte", "findes|finnes ikke",
        "nu există|exista", "okänd|ukendt|ukjent * {rcpt}", "{rcpt} * nicht gefunden|bekannt|vorhanden|existent", "non esiste",
        "{rcpt} * non trovato|trovata", "kein|keine|keinen person|mailbox|benutzer|empfänger|postfach|konto",
        "{rcpt} * не найден|зарегистрирован", "не существует", "нет такого * пользователя|ящика|адреса", "用户不存在", "收件人不存在",
    ),
    # The words of RFC 5321 4.2.3 for 550, "e.g., mailbox not found, no access, or command rejected for policy reasons".
    "unavailable": ("mailbox|account|user|inbox * unavailable", "mail box unavailable", "mailbox|account|user|inbox * not available"),
    "rejected": ("{rcpt} rejected|refused|declined", "{rcpt} * rejected", "rejected {rcpt}", "recipient denied"),
    "disabled": (
        "{box} * {off}", "{box} * is|has|was|been * {off}", "{box} * inactivity", "email|mail|e address * {off}", "@ is|has|was * {off}",
        "account|mailbox|user|compte|cuenta|conta * blocked|bloque|bloqué|bloqueada|bloqueado", "{off} {box}",
        "{box} * not active|enabled|activated", "{box} * no longer active|available|in", "{box} * on hold",
        "{rcpt} * no longer accept~|receiv~", "inactive|disabled|suspended|deactivated * recipient|mailbox|user|account|address",
        "address * no longer * in use|active|available|accept~|monitored|used",
        "{rcpt} * not|doesnt|cannot|cant accept~|receive~|receiving|accepting * {mail}", "mailbox|account * abandoned", "disableduser",
        "{rcpt} * nicht mehr verfügbar|verfuegbar|gültig|gueltig|aktiv|erreichbar", "{rcpt} * nest plus", "{rcpt} * ya no existe|está",
        "{rcpt} * non è più",
    ),
    "full": (
        "{rcpt} * full", "full mailbox|inbox", "quota", "{box} * over|exceed~ * size|limit|allocation", "overquota~",
        "over its|their|his quota|limit", "mailbox|storage|inbox|account * limit|size * exceed~|reached",
        "exceed~ * storage|mailbox|allocation|disk * limit|allocation|size|space|quota", "exceeded storage allocation",
        "out of * storage|space", "no|not enough|insufficient * storage|space|room * mailbox|user|account|recipient|left|available",
        "mailbox * too large|big", "too much|many mail|messages in|data * mailbox|inbox",
        "{rcpt} * voll|plein|pleine|llena|lleno|cheia|cheio|piena|pieno|vol|переполнен", "mapiexceptionshutoffquotaexceeded",
        "{rcpt} * enough|sufficient * space|storage|room", "{rcpt} * exhausted * quota|space|storage",
        "speichervolumen|speicherplatz|quota * überschritten|ueberschritten|erschöpft|erschoepft", "zu viele mails|nachrichten",
        "zuviele mails|nachrichten", "storage full", "disk full", "quotaexceeded",
    ),
    "sender": (
        "sender|senders", "envelope from", "sending ip|server|host|mta", "from header|field|address|domain", "return path",
        "purported responsible", "client host|address|ip|hostname|server", "host * blocked|rejected|listed",
        "your ip|host|server|domain|network|isp|reverse|hostname|mta", "your mail|email server|provider|client|host",
        "ip address|addresses|adresse|range", "adresse ip", "dirección ip", "direccion ip", "endereço ip", "ip адрес",
        "ip * blocked|listed|banned|blacklisted|bloquee|bloqueada|reputation", "{list}", "block list|listing|listed",
        "black list|listed|hole", "is|was|been|are|am|ip|host|currently listed", "listed on|at|by", "blocked by|using", "reputation",
        "ptr", "reverse dns|lookup|hostname|record", "rdns", "fcrdns", "helo", "ehlo", "dns|mx|a|aaaa|resource * record|records",
        "cannot find your", "spf", "dkim", "dmarc", "arc seal", "senderid", "authenticate", "authentication", "authenticated",
        "unauthenticated", "authrequired", "login", "credentials", "password",
        "dynamic|dialup|residential|consumer * ip|address|host|pool", "dial up", "abuse", "complaint|complaints", "banned", "botnet",
        "messages|mail|mails|email|emails from", "not accepting|accept * connections|mail from|messages from",
        "connection~ * not accepted|refused|rejected|dropped|denied", "open proxy", "proxy", "snowshoe", "zombie", "expéditeur",
        "expediteur", "remitente", "remetente", "absender", "mittente", "отправител~", "country", "geoip",
    ),
    "policy": (
        "policy|policies|politique|política|richtlinie|richtlinien", "not allowed|permitted|authorized|authorised|accepted",
        "prohibited|forbidden|restricted|restriction|restrictions", "access|permission denied", "denied", "administrative~",
        "administrator|admin|postmaster", "security", "{mail} * {refused}", "will not|wont be accepted|delivered",
        "service unavailable|refused|denied", "service not available", "no smtp service", "not accepting", "suspicious|suspected",
        "refused", "blocked", "filter|filtered|filtering", "violation|violates|violate", "whitelist~|allowlist|safelist", "not welcome",
        "unwanted", "transaction failed", "#", "local policy", "go away", "do not accept", "dont accept",
    ),
    "relay": (
        "relaying|relays|relayed|rcpthosts",
        "relay access|not|denied|prohibited|rejected|refused|forbidden|attempt~|restriction~|is|for|host",
        "to|not|as|a|mail|smtp|open|no|cannot|cant|wont|unauthorized relay", "not a gateway", "non accepted domain",
        "not * local domain|host", "not hosted|served * here", "not|dont handle mail", "does not handle mail",
    ),
    "rate": (
        "too many * connections|recipients|messages|sessions|errors|concurrent|emails|mails|rcpts|invalid|unknown|bad",
        "rate limit~|limited|exceeded", "ratelimit~", "throttl~", "frequency|connection|connections limit~", "too fast|quickly|frequent~",
        "exceeded * rate|connections|hourly|daily|limit * per|hour|day", "per hour|minute|day|second", "connection limit", "at a rate",
        "concurrent connections|sessions", "maximum|max * connections|sessions", "too busy", "overload~", "high load|volume",
        "server|system busy", "slow down", "send|sending|sender limit|quota", "temporar~ deferred|rejected|refused|failure",
    ),
    "later": ("try again", "try later", "retry later|in|after", "come back"),
    "greylist": ("greylist~", "graylist~", "grey|gray list~|listed", "postgrey", "delayed * retry|try", "first time * sender"),
    "tls": (
        "starttls", "tls|ssl|encryption required|needed|mandatory", "must * issue|use|start * tls|encryption",
        "require~ * tls|encryption",
    ),
    "size": ("message|mail|email * size|too * exceed~|large|big", "size * exceed~ * maximum|limit|fixed", "message too large|big|long"),
    "content": (
        "spam|spams|spammy|spammers|spamming|junk|unsolicited|ube|uce|bulk", "virus~|malware|infected|phish~|malicious|trojan",
        "attachment|attachments", "content", "headers|header|body|subject", "mime", "loop", "hops", "received headers",
        "url|link|links * message|blocked",
    ),
}  # fmt: skip

URL_HINTS: dict[Topic, tuple[str, ...]] = {
    # Words of a URL that name its subject; most words there are somebody's web site and say nothing.
    "sender": (
        "{list}", "blocks", "mail_blocks", "blocked", "block", "rdns", "ptr", "badip", "ip", "delist~", "removal", "unblock",
        "reputation", "barracuda~", "senderid", "spf", "dmarc", "dkim", "whitelist", "blacklist~",
    ),
    "content": ("antispam", "spam", "bulk", "abuse"),
    "disabled": ("disableduser", "inactiveuser", "userdisabled"),
    "full": ("overquota~", "quotaexceeded", "mailboxfull"),
    "unknown": ("nosuchuser", "userunknown", "unknownuser"),
    "greylist": ("greylist~", "graylist~", "postgrey"),
}  # fmt: skip


class Rule(msgspec.Struct, frozen=True):
    """One line of the table: every condition that is given must hold."""

    id: str
    outcome: Outcome
    stages: tuple[Stage, ...] = ()
    codes: tuple[int, ...] = ()
    """Whole codes, or the first digit alone."""
    enhanced: tuple[str, ...] = ()
    """`1.1` is x.1.1 of any class, `7.*` all of a subject, `7.2+` its details from 2; empty text is "none was given"."""
    providers: tuple[str, ...] = ()
    says: tuple[Topic, ...] = ()
    """Any of these is said."""
    silent: tuple[Topic, ...] = ()
    """None of these is said."""


_MAILBOX: tuple[Stage, ...] = ("rcpt", "after")
_US: tuple[Topic, ...] = ("sender", "relay", "rate", "greylist", "tls")
"""What is said of those who ask, not of the one who is asked for."""

RULES: tuple[Rule, ...] = (
    # Before RCPT: whatever it is, it is about us (or about them), never about the mailbox.
    Rule("before-tls", "need_tls", ("before",), (4, 5), says=("tls",)),
    Rule("before-tls-code", "need_tls", ("before",), (530,)),
    Rule("before-shutting-down", "busy", ("before",), (421,), silent=("sender", "content")),
    Rule("before-rate", "busy", ("before",), (4, 5), says=("rate", "later"), silent=("sender",)),
    Rule("before-listed", "block", ("before",), (4, 5), says=("sender", "content")),
    Rule("before-greylist", "defer", ("before",), (4,)),
    Rule("before-syntax", "weird", ("before",), (500, 501, 502, 503, 504, 555), ("", "5.*"), silent=("policy",)),
    Rule("before-refused", "block", ("before",), (5,)),
    Rule("before-odd", "weird", ("before",)),
    # RCPT and later, accepted or neither here nor there.
    Rule("accepted", "accepted", ("rcpt",), (2,)),
    Rule("odd", "weird", (), (2, 3)),
    # 4xx: never "invalid".
    Rule("4-full", "full", _MAILBOX, (4,), ("2.2",)),
    Rule("4-full-said", "full", _MAILBOX, (4,), says=("full",), silent=_US),
    Rule("4-tls", "need_tls", _MAILBOX, (4,), ("7.10",)),
    Rule("4-tls-said", "need_tls", _MAILBOX, (4,), says=("tls",)),
    # Gmail documents 4.2.1 "receiving mail at a rate": the mailbox is there, and somebody else floods it.
    Rule("4-flooded-mailbox", "defer", _MAILBOX, (4,), ("2.1",)),
    Rule("4-greylist", "defer", _MAILBOX, (4,), says=("greylist",)),
    Rule("4-shutting-down", "busy", _MAILBOX, (421,), silent=("sender", "content")),
    Rule("4-too-many", "busy", _MAILBOX, (4,), ("5.3", "3.2", "4.5", "7.28"), silent=("sender",)),
    Rule("4-listed", "block", _MAILBOX, (4,), says=("sender", "content")),
    Rule("4-rate", "busy", _MAILBOX, (4,), ("7.*",), says=("rate", "later")),
    Rule("4-other", "defer", _MAILBOX, (4,)),
    # 5xx: codes that mean one thing. RFC 7504: this host takes no mail. AOL said 521 5.2.1 to hosts it did not like.
    Rule("521", "block", _MAILBOX, (521,)),
    Rule("556", "no_user", _MAILBOX, (556,)),
    # RFC 5321 3.4: the user is not here, and not forwarded.
    Rule("551", "no_user", _MAILBOX, (551,), silent=("sender", "relay", "rate", "full", "policy", "content")),
    Rule("auth", "block", _MAILBOX, (534, 535, 538)),
    Rule("530-tls", "need_tls", _MAILBOX, (530,), says=("tls",)),
    Rule("530", "block", _MAILBOX, (530,), silent=("unknown", "disabled", "full")),
    # 5xx: the enhanced code, unless the words contradict it; some servers write 5.1.1 on everything.
    Rule("full", "full", _MAILBOX, (5,), ("2.2",)),
    Rule("address-unknown", "no_user", _MAILBOX, (5,), ("1.1", "1.2", "1.3", "1.6", "1.10"), says=("unknown",), silent=("sender", "relay")),
    Rule("address-disabled", "disabled", _MAILBOX, (5,), ("1.1", "1.6"), says=("disabled",), silent=("sender", "relay", "content")),
    Rule("address-full", "full", _MAILBOX, (5,), ("1.1",), says=("full",), silent=("sender",)),
    Rule("address-contradicted", "ambiguous", _MAILBOX, (5,), ("1.1", "1.2", "1.3", "1.6", "1.10"), says=("sender", "relay", "rate", "content")),
    Rule("address", "no_user", _MAILBOX, (5,), ("1.1", "1.2", "1.3", "1.6", "1.10")),
    Rule("sender-address", "block", _MAILBOX, (5,), ("1.7", "1.8")),
    Rule("mailbox-unknown", "no_user", _MAILBOX, (5,), ("2.1",), says=("unknown",), silent=("sender", "relay", "content")),
    Rule("mailbox-us", "block", _MAILBOX, (5,), ("2.1",), says=("sender", "content", "relay")),
    Rule("mailbox-disabled", "disabled", _MAILBOX, (5,), ("2.1",)),
    # OpenSMTPD says 524 5.2.4 "Mailing list expansion problem" to a user that it does not know.
    Rule("expansion", "no_user", _MAILBOX, (5,), ("2.4",), silent=(*_US, "policy")),
    # Directory-based edge blocking of Exchange Online: "Recipient address rejected: Access denied".
    Rule("edge-blocking", "no_user", _MAILBOX, (5,), ("4.1",), says=("unknown", "rejected"), silent=("sender", "relay")),
    # Exchange Online says 5.7.13 of a sender without STARTTLS; RFC 5248 means an account that is disabled.
    Rule("recipient-disabled", "disabled", _MAILBOX, (5,), ("7.13", "7.17", "7.18"), silent=("tls", "sender")),
    Rule("encryption-needed", "need_tls", _MAILBOX, (5,), ("7.10",)),
    Rule("too-many", "busy", _MAILBOX, (5,), ("5.3",)),
    Rule("message-size", "block", _MAILBOX, (5,), ("2.3", "3.4")),
    # RFC 3463: of the command, not of the address; Postfix says 554 5.5.1 to DATA after it has refused every recipient.
    Rule("protocol", "weird", _MAILBOX, (5,), ("5.1", "5.2", "5.4")),
    Rule("message-content", "block", _MAILBOX, (5,), ("6.*",)),
    # Exchange Online, of a mailbox or group that takes mail from some senders only: RESOLVER.RST.
    Rule("recipient-restricted", "block", _MAILBOX, (5,), ("7.12", "7.124", "7.129", "7.133", "7.134", "7.135", "7.136")),
    Rule("security", "block", _MAILBOX, (5,), ("7.2+",)),
    # 5xx: the provider. Exchange Online documents 5.4.1 as edge blocking, whatever it says with it.
    Rule("microsoft-edge-blocking", "no_user", _MAILBOX, (5,), ("4.1",), ("microsoft",), silent=("sender", "relay")),
    # Yahoo ends what it found out of the mailbox at DATA with "delivery error"; other 554 of it are policy.
    Rule("yahoo-policy", "block", ("rcpt", "after"), (553, 554), providers=("yahoo",), silent=("unknown", "disabled", "full")),
    # 5xx: words, what is said of us first: "sender address rejected: user unknown" is about the sender.
    Rule("said-tls", "need_tls", _MAILBOX, (5,), says=("tls",), silent=("unknown", "sender")),
    Rule("routing", "ambiguous", _MAILBOX, (5,), ("4.*",), silent=("unknown",)),
    Rule("said-full", "full", _MAILBOX, (5,), says=("full",), silent=("sender", "relay", "size", "rate")),
    Rule("said-us", "block", _MAILBOX, (5,), says=("sender",), silent=("unknown", "disabled")),
    Rule("said-relay", "block", _MAILBOX, (5,), says=("relay",), silent=("unknown", "disabled")),
    Rule("said-both", "ambiguous", _MAILBOX, (5,), says=("sender", "relay")),
    Rule("said-rate", "busy", _MAILBOX, (5,), says=("rate",), silent=("unknown", "disabled")),
    Rule("said-content", "block", _MAILBOX, (5,), says=("content", "size"), silent=("unknown", "disabled")),
    Rule("said-disabled", "disabled", _MAILBOX, (5,), says=("disabled",), silent=("content", "size")),
    Rule("said-unknown", "no_user", _MAILBOX, (5,), says=("unknown",), silent=("content", "size", "rate")),
    Rule("said-contradicting", "ambiguous", _MAILBOX, (5,), says=("unknown", "disabled")),
    Rule("said-unavailable", "no_user", _MAILBOX, (5,), says=("unavailable",), silent=("policy",)),
    Rule("unavailable-or-policy", "ambiguous", _MAILBOX, (5,), says=("unavailable",)),
    # "Other address status": it is the address, and not that of the sender.
    Rule("other-address", "no_user", _MAILBOX, (5,), ("1.0",), says=("rejected",)),
    Rule("said-later", "defer", _MAILBOX, (5,), says=("later",)),
    # Without a reason it may be about the recipient or about us: the control probes tell.
    Rule("recipient-rejected", "ambiguous", _MAILBOX, (5,), ("", "7.0", "7.1"), says=("rejected",), silent=("policy",)),
    Rule("said-policy", "block", _MAILBOX, (5,), says=("policy",)),
    Rule("security-other", "block", _MAILBOX, (5,), ("7.*",)),
    Rule("syntax", "weird", _MAILBOX, (500, 501, 502, 503, 504, 555)),
    Rule("ambiguous", "ambiguous"),
)  # fmt: skip
