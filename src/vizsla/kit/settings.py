"""
How is this installation set up?

One frozen object from `$VIZSLA_HOME/vizsla.toml` and `VIZSLA_*` variables (the variable wins), or `VIZSLA_*_FILE` naming a
file that holds the value. An unknown name or a wrong value stops the start with its name: a typing error in a setting that
guards a network must not be silence.
"""

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import msgspec

from vizsla.kit.email_address import parse_email
from vizsla.kit.errors import InvalidEmail, SettingsError

SECRET_FIELDS = frozenset({"secret_key", "metrics_token", "database_url", "index_url", "index_replica_url", "smtp_url"})
_NOT_SETTINGS = frozenset({"VIZSLA_BENCH", "VIZSLA_TEST_POSTGRES"})


FREE_PLAN = "free"
"""The plan of whoever was given no other; what it leaves open, the settings say."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
_UNIT = "[1-9][0-9]{0,8}/(s|min|h|d)"
_Limits = Annotated[str, msgspec.Meta(pattern=f"^ *{_UNIT} *(, *{_UNIT} *)*$")]
_PLAN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,39}\Z")


class PlanTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the accounts of one plan may do; None: as the settings say."""

    searches: _Count | None = None
    """In a period of a month."""
    verifications: _Count | None = None
    rate_search: _Limits | None = None
    """As in VIZSLA_RATE_SEARCH."""
    rate_count: _Limits | None = None
    rate_verify: _Limits | None = None
    level: _Count = 0
    """A number for programs to compare plans by (`plan_level`)."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting; each is `VIZSLA_` and the name in capitals, or the name in lower case in the TOML file."""

    home: Path = Path("~/.vizsla")
    """Where databases, WARC files and work in progress are kept."""
    database_url: str = ""
    """`postgresql://…` for accounts, claims, leads …; empty: `$VIZSLA_HOME/app.db`."""
    index_url: str = ""
    """`postgresql://…` for what the web said; empty: `$VIZSLA_HOME/index.db`."""
    index_replica_url: tuple[str, ...] = ()
    """`postgresql://…` of streaming replicas of the index, which answer searches."""
    index_replica_lag: Annotated[float, msgspec.Meta(ge=2, le=3_600)] = 10.0
    """Seconds that a replica may be behind; from then on the primary answers."""
    base_url: str = ""
    """How people reach this server, for links in mails and pages; empty: the address it listens on."""
    secret_key: str = ""
    """Keys the hashes of claims; empty: one is made in `$VIZSLA_HOME/secret_key`. Losing it un-claims everyone."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies before this server, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed."""
    drain: Annotated[float, msgspec.Meta(ge=0, le=600)] = 0.0
    """Seconds that a server told to end (SIGTERM) says at /readyz that it is not ready and still answers; for a balancer to notice."""
    signup: Literal["open", "invite", "closed"] = "invite"
    """Who may make an account."""
    egress_allow: tuple[str, ...] = ()
    """Networks (CIDR) that may be reached although they are private, e.g. `127.0.0.0/8`."""
    probe: bool = False
    """Whether SMTP connections to other people's mail servers may be opened."""
    dns_servers: tuple[str, ...] = ()
    """`ip:port` of the resolvers to ask; empty: the system's."""
    decode_protected: bool = False
    """Whether addresses that a site protected on purpose (Cloudflare, ROT13, scripts …) are read."""
    smtp_port: int = 25
    """The port of other people's mail servers."""
    helo_name: str = ""
    """The name to greet mail servers with."""
    mail_from: str = ""
    """The envelope sender of probes."""
    smtp_url: str = ""
    """`smtp://user:password@host:587` or `smtps://…` of the server that sends our own mails; empty: they go into `$VIZSLA_HOME/outbox`."""
    smtp_from: str = ""
    """Whom our own mails are from; empty: the user of SMTP_URL if it is an address, or vizsla@ the host of BASE_URL."""
    egress_bind: str = ""
    """The local address that outgoing connections are made from."""
    self_test_hosts: tuple[str, ...] = ()
    """Mail domains or hosts whose servers the self-test knocks at, to see whether port 25 is open; empty: those of MAIL_FROM."""
    dnsbls: tuple[str, ...] = ()
    """Lists of senders (DNSBL zones) in which the self-test looks for our address."""
    crawl_on_miss: bool = False
    """Whether a search for a domain we know nothing of starts a crawl of it."""
    common_crawl: str = ""
    """Where Common Crawl's files are: `https://data.commoncrawl.org`, `s3://commoncrawl`, or a folder that mirrors them; empty: it is not used."""
    common_crawl_index: str = ""
    """The server that is asked for the captures of a domain, `https://index.commoncrawl.org`; empty: the columnar index beside the files is read."""
    http_ports: tuple[int, ...] = (80, 443)
    """Ports that a crawl may connect to, webhooks and connected apps too."""
    http_resolve: tuple[str, ...] = ()
    """`host:port=ip:port` overrides of where HTTP goes, for tests."""
    log: Literal["debug", "info", "warning", "error"] = "info"
    """What is worth a line."""
    metrics_token: str = ""
    """What `/metrics` asks for as a Bearer token; empty: `/metrics` answers to loopback clients alone."""
    trial: bool = True
    """Whether `/trial/v2/…` answers without a key, with masked addresses."""
    rate_search: str = "15/s,500/min"
    """Limits of domain search and finder for each account."""
    rate_count: str = "15/s"
    """Limits of e-mail count for each client address."""
    plan_searches: int = 10_000
    """Searches that an account may make in a month unless its own plan says otherwise."""
    plan_verifications: int = 20_000
    """Verifications that an account may make in a month unless its own plan says otherwise."""
    plans: dict[str, PlanTerms] = msgspec.field(default_factory=dict)
    """Plans beside `free`, and what `free` is: `[plans.NAME]` tables in the TOML file."""
    verify_per_domain: int = 1_000
    """Verifications that may begin at one mail domain within 24 hours, whoever asks for them."""
    crawl_delay: float = 1.0
    """Seconds between two requests to one host when its robots.txt names none."""
    crawl_contact: str = ""
    """A URL or address put into the crawler's User-Agent, so that site owners can reach you."""

    @property
    def app_url(self) -> str:
        """The app database: a `postgresql://` URL or `sqlite:///` and a path."""
        return self.database_url or f"sqlite:///{self.home / 'app.db'}"

    @property
    def index_database_url(self) -> str:
        """The index database, in the same form."""
        return self.index_url or f"sqlite:///{self.home / 'index.db'}"


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """
    The effective settings. Raises SettingsError with the name of whatever is unknown or wrong.

    Lists are given with commas in a variable, as arrays in TOML. Booleans are `on`/`off`, `true`/`false`, `1`/`0`.
    """
    environ = os.environ if environ is None else environ
    fields = {field.name: field for field in msgspec.structs.fields(Settings)}
    given: dict[str, Any] = {}
    origins: dict[str, str] = {}
    home = Path(environ.get("VIZSLA_HOME") or "~/.vizsla").expanduser()
    toml = home / "vizsla.toml"
    if toml.is_file():
        try:
            values = tomllib.loads(toml.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsError(f"{toml} is not valid TOML: {error}") from None
        for name, value in values.items():
            given[name] = _words(value) if isinstance(value, str) and _is_tuple(fields.get(name)) else value
            origins[name] = f"{name} in {toml}"
    for variable, text in environ.items():
        if not variable.startswith("VIZSLA_") or variable in _NOT_SETTINGS:
            continue
        name, value = variable[7:].lower(), text
        if name not in fields and name.endswith("_file"):
            name = name[:-5]
            try:
                value = Path(text).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{variable} names a file that cannot be read: {error}") from None
        if name not in fields:
            raise SettingsError(f"{variable} is not a setting. `vizsla config` lists them all.")
        if name == "plans":
            raise SettingsError(f"{variable}: plans are tables in {toml}: [plans.team] and below it searches = 5000.")
        given[name] = _words(value) if _is_tuple(fields[name]) else value
        origins[name] = variable
    for name in given:
        if name not in fields:
            raise SettingsError(f"{origins[name]} is not a setting. `vizsla config` lists them all.")
    given["home"] = str(home)
    plans = _read_plans(given.pop("plans", {}), toml)
    settings = Settings(plans=plans)
    for name, value in given.items():
        if fields[name].type is bool and isinstance(value, str):
            value = {"on": True, "off": False, "yes": True, "no": False, "": False}.get(value.lower(), value)  # noqa: PLW2901
        try:
            converted = msgspec.convert(value, fields[name].type, strict=False, dec_hook=_decode)
        except msgspec.ValidationError as error:
            shown = "its value" if name in SECRET_FIELDS else repr(value)
            raise SettingsError(f"{origins.get(name, name)}: {shown} will not do: {error}") from None
        settings = msgspec.structs.replace(settings, **{name: converted})
    _check(settings, origins)
    return settings


class Shown(msgspec.Struct, frozen=True):
    """A setting as it may be shown."""

    name: str
    value: str
    origin: str
    """The variable or the file that it comes from, or `default`."""

    @property
    def variable(self) -> str:
        """What it is called in the environment."""
        return f"VIZSLA_{self.name.upper()}"


def show_settings(settings: Settings, environ: Mapping[str, str] | None = None) -> list[Shown]:
    """Every setting as it is in force, secrets masked. Reads the TOML file for where each comes from."""
    environ = os.environ if environ is None else environ
    toml = settings.home / "vizsla.toml"
    text = toml.read_text("utf-8") if toml.is_file() else ""
    return [
        Shown(field.name, _shown(settings, field.name), _origin(field.name, environ, toml, text))
        for field in msgspec.structs.fields(Settings)
    ]


def _origin(name: str, environ: Mapping[str, str], toml: Path, text: str) -> str:
    for variable in (f"VIZSLA_{name.upper()}", f"VIZSLA_{name.upper()}_FILE"):
        if variable in environ:
            return variable
    return str(toml) if re.search(rf"(?m)^\s*({name}\s*=|\[{name}\.)", text) else "default"


def _shown(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if name in SECRET_FIELDS and value:
        # A URL says where something is, not how to get in.
        return ",".join(mask_url(one) if "://" in one else "***" for one in _several(value))
    if isinstance(value, tuple | dict):
        return ",".join(map(str, value))
    return "on" if value is True else "off" if value is False else str(value)


def _several(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def mask_url(url: str) -> str:
    """*url* without the user and the password in it."""
    return re.sub(r"//.*@", "//***@", url)


def _read_plans(tables: Any, toml: Path) -> dict[str, PlanTerms]:
    if not isinstance(tables, dict):
        raise SettingsError(f"plans in {toml}: write each plan as a table: [plans.team] and below it searches = 5000.")
    plans = {}
    for name, table in tables.items():
        if not _PLAN_NAME.match(name):
            raise SettingsError(f"plans.{name} in {toml}: a plan's name has up to 40 letters, digits, blanks and . _ -")
        try:
            plans[name] = msgspec.convert(table, PlanTerms)
        except msgspec.ValidationError as error:
            raise SettingsError(f"plans.{name} in {toml} will not do: {error}") from None
    return plans


def _check(settings: Settings, origins: Mapping[str, str]) -> None:
    for name in ("egress_allow", "trusted_proxies"):
        for network in getattr(settings, name):
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise SettingsError(f"{origins.get(name)}: {error}") from None
    for name in ("database_url", "index_url"):
        if (url := getattr(settings, name)) and not url.startswith(("postgresql://", "postgres://", "sqlite:///")):
            raise SettingsError(f"{origins.get(name)} must begin with postgresql:// or sqlite:///")
    for url in settings.index_replica_url:
        if not url.startswith(("postgresql://", "postgres://")):
            raise SettingsError(f"{origins.get('index_replica_url')} must begin with postgresql://")
    if settings.index_replica_url and not settings.index_url.startswith(("postgresql://", "postgres://")):
        raise SettingsError(
            f"{origins.get('index_replica_url')}: replicas need the index on PostgreSQL (VIZSLA_INDEX_URL)"
        )
    if settings.common_crawl and not settings.common_crawl.startswith(("http://", "https://", "s3://", "/", "~", ".")):
        raise SettingsError(
            f"{origins.get('common_crawl')} must be a folder (/data/commoncrawl), or begin with https://, http:// or s3://"
        )
    if settings.common_crawl_index and not settings.common_crawl_index.startswith(("http://", "https://")):
        raise SettingsError(f"{origins.get('common_crawl_index')} must begin with https:// or http://")
    if settings.smtp_url and not settings.smtp_url.startswith(("smtp://", "smtps://")):
        raise SettingsError(f"{origins.get('smtp_url')} must begin with smtp:// or smtps://")
    if settings.smtp_from:
        try:
            parse_email(settings.smtp_from)
        except InvalidEmail:
            raise SettingsError(
                f"{origins.get('smtp_from')}: {settings.smtp_from!r} is not an e-mail address"
            ) from None


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _is_tuple(field: msgspec.structs.FieldInfo | None) -> bool:
    return field is not None and bool(get_args(field.type)) and get_args(field.type)[-1] is Ellipsis


def _decode(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value)).expanduser()
    raise NotImplementedError(kind)
