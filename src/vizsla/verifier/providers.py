"""
Whose mail server is this?

By the suffix of the MX host's name. The provider is the key for limits, for what a reply means and for priors of the score; the
suffixes are those that providers document for their customers' DNS.
"""

from functools import lru_cache

import msgspec


class Provider(msgspec.Struct, frozen=True):
    """A company that runs mail servers, and what its servers tell at RCPT."""

    name: str
    suffixes: tuple[str, ...]
    gateway: bool = False
    """Filters mail for others: an accepted recipient may be refused by the server behind it."""
    settles_later: bool = False
    """Takes every recipient, and refuses at DATA or with a bounce: RCPT cannot settle it."""


PROVIDERS = (
    Provider("google", ("google.com", "googlemail.com", "smtp.goog")),
    Provider(
        "microsoft",
        (
            "mail.protection.outlook.com",
            "mail.protection.partner.outlook.cn",
            "mail.protection.office365.us",
            "mx.microsoft",
        ),
    ),
    Provider("outlook", ("olc.protection.outlook.com", "hotmail.com")),
    Provider("yahoo", ("yahoodns.net", "mail.gm0.yahoodns.net", "yahoo.co.jp"), settles_later=True),
    Provider("icloud", ("mail.icloud.com", "mail.me.com")),
    Provider("yandex", ("yandex.net", "yandex.ru")),
    Provider("mailru", ("mail.ru",)),
    Provider("tencent", ("qq.com", "exmail.qq.com")),
    Provider("netease", ("netease.com", "163.com", "126.com", "yeah.net")),
    Provider("alibaba", ("mxhichina.com", "aliyun.com")),
    Provider("zoho", ("zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp", "zohocloud.ca", "zohomail.com")),
    Provider("gmx", ("gmx.net", "gmx.com", "web.de", "mail.com")),
    Provider("ionos", ("kundenserver.de", "ionos.com", "ionos.de", "ionos.co.uk", "ionos.fr", "ionos.es", "1and1.com")),
    Provider("proton", ("protonmail.ch",)),
    Provider("fastmail", ("messagingengine.com",)),
    Provider("ovh", ("ovh.net",)),
    Provider("amazon", ("amazonaws.com",)),
    Provider("godaddy", ("secureserver.net",)),
    Provider("rackspace", ("emailsrvr.com",)),
    Provider("strato", ("rzone.de",)),
    Provider("telekom", ("t-online.de",)),
    Provider("orange", ("orange.fr",)),
    Provider("laposte", ("laposte.net",)),
    Provider("comcast", ("comcast.net",)),
    Provider("aruba", ("aruba.it",)),
    Provider("seznam", ("seznam.cz",)),
    Provider("naver", ("naver.com",)),
    Provider("namecheap", ("privateemail.com",)),
    Provider("hostinger", ("hostinger.com",)),
    Provider("titan", ("titan.email",)),
    Provider("mimecast", ("mimecast.com", "mimecast.co.za", "mimecast-offshore.com"), gateway=True),
    Provider("proofpoint", ("pphosted.com", "ppe-hosted.com", "gpphosted.com"), gateway=True),
    Provider("barracuda", ("barracudanetworks.com",), gateway=True),
    Provider("cisco", ("iphmx.com",), gateway=True),
    Provider("symantec", ("messagelabs.com",), gateway=True),
    Provider("trendmicro", ("trendmicro.com", "trendmicro.eu"), gateway=True),
    Provider("sophos", ("sophos.com", "hydra.sophos.com"), gateway=True),
    Provider("spamexperts", ("antispamcloud.com", "spamexperts.com", "mailspamprotection.com"), gateway=True),
    Provider("forcepoint", ("mailcontrol.com",), gateway=True),
    Provider("trellix", ("fireeyecloud.com", "fireeyegov.com"), gateway=True),
    Provider("spamhero", ("mxthunder.com", "mxthunder.net"), gateway=True),
    Provider("spamtitan", ("spamtitan.com",), gateway=True),
    Provider("mailchannels", ("mailchannels.net",), gateway=True),
    Provider("retarus", ("retarus.com",), gateway=True),
    Provider("cloudflare", ("mx.cloudflare.net",), gateway=True),
    Provider("hornet", ("hornetsecurity.com", "antispameurope.com"), gateway=True),
)
_BY_SUFFIX = {suffix: provider for provider in PROVIDERS for suffix in provider.suffixes}


@lru_cache(8_192)
def find_provider(host: str) -> Provider | None:
    """The provider of the MX called *host*; the longest suffix counts."""
    labels = host.lower().rstrip(".").split(".")
    suffixes = (".".join(labels[start:]) for start in range(len(labels)))
    return next((_BY_SUFFIX[suffix] for suffix in suffixes if suffix in _BY_SUFFIX), None)
