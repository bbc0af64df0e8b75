"""
What is kept of what the web said?

`sighting`, `fact` and `page` are the truth: what was read where and when, merged by minimum and maximum, so that the order
of reading does not matter. `email`, `domain`, `facet` and `company_name` are derived from it and are what is served
(docs/explanation/storage). Every key but that of `company_name`, which is asked by name, starts with `domain`, and there
PostgreSQL cuts the tables into partitions: what one domain is asked is answered by one of them.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, Table, Text

from vizsla.storage.schema import Id, index_metadata

# Byte order on both stores, so that lists sort and prefixes match alike whatever the database's locale is.
Bytewise = Text().with_variant(Text(collation="C"), "postgresql")
_BY_DOMAIN = "HASH (domain)"

sighting = Table(
    "sighting",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),  # the mail domain
    Column("local", Bytewise, primary_key=True),
    Column("uri", Bytewise, primary_key=True),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("evidence", Bytewise, nullable=False),  # JSON of index.evidence.Evidence: how it was read, name, position …
    Index("sighting_uri", "uri", "domain", "local"),
    postgresql_partition_by=_BY_DOMAIN,
)

fact = Table(
    "fact",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),  # the registrable domain of the page
    Column("key", Bytewise, primary_key=True),
    Column("value", Bytewise, primary_key=True),
    Column("uri", Bytewise, primary_key=True),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("weight", Integer, nullable=False),
    postgresql_partition_by=_BY_DOMAIN,
)

# One row for each body that a page has had: an address that a body held is there whenever the page has that body.
page = Table(
    "page",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),  # kit.domain_name.site_of the URI
    Column("uri", Bytewise, primary_key=True),
    Column("digest", Bytewise, primary_key=True),
    Column("first_fetched", BigInteger, nullable=False),
    Column("last_fetched", BigInteger, nullable=False),
    postgresql_partition_by=_BY_DOMAIN,
)

email = Table(
    "email",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),
    Column("local", Bytewise, primary_key=True),
    Column("rank", Integer, nullable=False),  # confidence, then sources: see index.addresses.rank
    Column("type", Bytewise, nullable=False),
    Column("seniority", Bytewise),
    Column("department", Bytewise),
    Column("fields", Integer, nullable=False),  # index.addresses: FULL_NAME | POSITION | PHONE_NUMBER
    Column("confidence", Integer, nullable=False),
    Column("n_sources", Integer, nullable=False),
    Column("first_seen", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False),
    Column("verification_status", Bytewise),
    Column("verified_at", BigInteger),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("position", Text),
    Column("position_raw", Text),
    Column("position_folded", Bytewise),  # what job titles are searched in
    Column("phone_number", Text),
    Column("twitter", Text),
    Column("linkedin", Text),
    Column("sources", Text, nullable=False),  # JSON, as the API shows it; late, for it may be long
    Column("certainty", Double, nullable=False, server_default="0"),  # confidence before it is seen how it is made
    Index("email_page", "domain", "rank", "local", "type", "seniority", "department", "fields"),
    Index("email_name", "domain", "last_name", "first_name"),
    Index("email_linkedin", "linkedin"),
    postgresql_partition_by=_BY_DOMAIN,
)

domain = Table(
    "domain",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),
    Column("n_emails", Integer, nullable=False),
    Column("n_personal", Integer, nullable=False),
    Column("n_generic", Integer, nullable=False),
    Column("accept_all", Integer),
    Column("accept_all_at", BigInteger),
    Column("pattern", Text),
    Column("organization", Text),
    Column("description", Text),
    Column("industry", Text),
    Column("twitter", Text),
    Column("facebook", Text),
    Column("linkedin", Text),
    Column("instagram", Text),
    Column("youtube", Text),
    Column("technologies", Text, nullable=False),  # JSON array
    Column("country", Text),
    Column("state", Text),
    Column("city", Text),
    Column("postal_code", Text),
    Column("street", Text),
    Column("headcount", Text),
    Column("company_type", Text),
    Column("linked_domains", Text, nullable=False),  # JSON array
    Column("phone", Text),
    Column("made_on", BigInteger, nullable=False, server_default="0"),  # midnight of the day whose rows these are
    Index("domain_made_on", "made_on"),
    postgresql_partition_by=_BY_DOMAIN,
)

# What a domain's addresses say of how it makes them, without a person in it: see index.habits.
domain_pattern = Table(
    "domain_pattern",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),
    Column("version", Text, nullable=False),  # of the prior whose templates the clues number
    Column("n_named", Integer, nullable=False),
    Column("n_nameless", Integer, nullable=False),
    Column("clues", Text, nullable=False),  # JSON
    postgresql_partition_by=_BY_DOMAIN,
)

# Only for domains with many addresses; the others are counted when asked.
facet = Table(
    "facet",
    index_metadata,
    Column("domain", Bytewise, primary_key=True),
    Column("type", Bytewise, primary_key=True),
    Column("seniority", Bytewise, primary_key=True),  # empty for none
    Column("department", Bytewise, primary_key=True),
    Column("fields", Integer, primary_key=True, autoincrement=False),
    Column("n", Integer, nullable=False),
    postgresql_partition_by=_BY_DOMAIN,
)

company_name = Table(
    "company_name",
    index_metadata,
    Column("name", Bytewise, primary_key=True),  # as index.company_names.normalise writes it
    Column("domain", Bytewise, primary_key=True),
    Column("weight", Integer, nullable=False),
    Index("company_name_domain", "domain"),
)

# What was read into the index, or is to be: see index.runs. A row of kind `harvest` with `due` is the work: storage.lease.
harvest_run = Table(
    "harvest_run",
    index_metadata,
    Column("id", Id, primary_key=True),
    Column("kind", Text, nullable=False),  # harvest, crawl
    Column("names", Text, nullable=False),  # JSON array: files, or the domain
    Column("by_whom", Text, nullable=False),  # runs.ByWhom
    Column("state", Text, nullable=False),  # runs.State
    Column("requested_at", BigInteger, nullable=False),
    Column("due", BigInteger),  # NULL: ended, or nobody else's work
    Column("worker", Text),
    Column("attempt", Integer, nullable=False),
    Column("stop_at", BigInteger),  # when somebody asked that it end
    Column("started_at", BigInteger),
    Column("heard_at", BigInteger),  # when it last said that it goes on
    Column("ended_at", BigInteger),
    Column("stage", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("counts", Text, nullable=False),  # JSON of runs.Counts
    Column("ending", Text, nullable=False),
    Index("harvest_run_due", "due"),
)

# One row: how large and how fresh the index was when it was last counted. Counting reads whole tables.
index_figures = Table(
    "index_figures",
    index_metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("due", BigInteger),
    Column("worker", Text),
    Column("attempt", Integer, nullable=False),
    Column("made_at", BigInteger),
    Column("figures", Text, nullable=False),  # JSON of figures.Figures
)

_WORDS = "words of ours"
NO_PERSON = {
    "fact.key": _WORDS,
    "page.digest": "a hash",
    "email.type": _WORDS,
    "email.seniority": _WORDS,
    "email.department": _WORDS,
    "email.verification_status": _WORDS,
    "domain.pattern": "a template such as {first}.{last}",
    "domain.industry": _WORDS,
    "domain.technologies": "names of products, from our list",
    "domain.country": "a country's code",
    "domain.headcount": _WORDS,
    "domain.company_type": _WORDS,
    "domain_pattern.version": "of our prior",
    "domain_pattern.clues": "numbers of templates, and how often",
    "facet.type": _WORDS,
    "facet.seniority": _WORDS,
    "facet.department": _WORDS,
    "harvest_run.kind": _WORDS,
    "harvest_run.by_whom": _WORDS,
    "harvest_run.state": _WORDS,
    "harvest_run.worker": "a process of ours",
    "harvest_run.stage": _WORDS,
    "index_figures.worker": "a process of ours",
    "index_figures.figures": "numbers",
}
"""Columns that no claim has to reach, and why: see erasure.rooms."""
