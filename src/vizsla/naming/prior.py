"""
What is known of a domain before anything is seen of it?

`prior.json` holds aggregates alone, no person: how often each template is used (a mixture of Dirichlet distributions, its
weights by kind of top-level domain) and in which ways names are spelled. `evaluation/finder` learns it and writes it.
"""

from functools import lru_cache
from importlib.resources import files

import msgspec

from vizsla.naming.templates import Template, parse_template

OTHER = "OTHER"
"""The last of the templates: an address that is made by none of them."""

_NORDIC = frozenset("se no dk fi is".split())
_SOUTH = frozenset("es it pt br mx ar cl co pe ve uy ro gr".split())


class Spelling(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """
    In which ways people spell a name in their address: shares, by what is in the name.

    Those of one table need not add up to one: of a name, what applies is taken and made to.
    """

    first_hyphen: dict[str, float]
    first_words: dict[str, float]
    last_hyphen: dict[str, float]
    last_words: dict[str, float]
    last_particles: dict[str, float]
    nickname: dict[str, float]
    """`explicit`: of those who give one; `dictionary`: of those whose name has usual ones, all together."""
    initials: dict[str, float]
    """`both`: how often a name of two words has two initials; `all_middles`: several middle names, each an initial."""
    joined_middle: dict[str, float]
    """How often a middle name is written as part of the `first` or the `last` one."""
    expand: dict[str, float]
    """How often ä, ö, ü, å, ø are written as two letters, by kind of top-level domain; `*` for the rest."""
    middle_absent: float
    """How often an address of a template with a middle name is made without one, when none is known."""
    digits: float
    """How often an address has digits behind it that nobody can know."""


class Prior(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The shipped knowledge. Like its parts, one object a process: it is compared by identity."""

    version: str
    templates: tuple[str, ...]
    """Texts of templates; the last is OTHER."""
    components: tuple[tuple[float, ...], ...]
    """Of each component of the mixture, its concentration at each template."""
    weights: dict[str, tuple[float, ...]]
    """Of each kind of top-level domain, the weight of each component; `*` is for all."""
    spelling: Spelling
    traits: dict[str, dict[str, tuple[float, ...]]] = {}
    """Of each trait of a name and each family of templates, a factor for each value."""
    trust: float = 0.0
    """How much of the belief is the domain's own addresses by themselves, whatever kinds of domains there are."""
    trust_strength: float = 0.3
    """Addresses that the belief from before counts for, in that part."""

    def __post_init__(self) -> None:
        sizes = {len(self.templates)} | {len(component) for component in self.components}
        counts = {len(self.components)} | {len(weights) for weights in self.weights.values()}
        if len(sizes) != 1 or len(counts) != 1 or self.templates[-1] != OTHER or "*" not in self.weights:
            raise ValueError("A prior must have a number for each template and component, and OTHER last.")


_decode = msgspec.json.Decoder(Prior).decode


@lru_cache(1)
def load_prior() -> Prior:
    """The prior that is shipped."""
    return parse_prior(files("vizsla.naming").joinpath("prior.json").read_bytes())


def parse_prior(data: bytes) -> Prior:
    """The prior in *data* (JSON); raises msgspec.ValidationError or ValueError."""
    return _decode(data)


@lru_cache(8)
def templates_of(texts: tuple[str, ...]) -> tuple[Template, ...]:
    """The templates of a prior without OTHER, ready for use."""
    return tuple(parse_template(text) for text in texts[:-1])


@lru_cache(4_096)
def kind_of_tld(domain: str) -> str:
    """The kind of top-level domain that *domain* has, as a key of `Prior.weights` and `Spelling.expand`."""
    labels = domain.rsplit(".", 2)
    tld = labels[-1]
    if len(labels) > 2 and labels[-2] in ("edu", "ac", "gov", "gob", "gouv", "mil"):
        return "edu" if labels[-2] in ("edu", "ac") else "gov"
    if tld in _NORDIC:
        return "nordic"
    if tld in ("mil", "gov"):
        return "gov"
    if tld in ("tw", "hk"):
        return "cn"
    if tld in ("at", "ch"):
        return "de"
    if tld in _SOUTH:
        return "sth"
    return tld
