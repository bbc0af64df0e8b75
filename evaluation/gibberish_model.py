"""
Counts the model of `vizsla.naming.gibberish` and writes its table.

    python -m evaluation.gibberish_model

Faker's names (MIT) are put together as people's local parts are: most often first and last name, often initials, now and
then a number. Names of other scripts are folded to ASCII as their bearers do it. Faker is fetched into `build/`, nothing of
it ships; the same version gives the same table, octet for octet.
"""

import importlib
import math
import pkgutil
import random
import re
import sys
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import product
from pathlib import Path

from evaluation.corpus import CACHE, ROOT, Source, digest, fetch
from vizsla.kit.role_words import DEPARTMENT_OF_WORD
from vizsla.naming.gibberish import SHIFT, STEP, SYMBOLS, to_symbols

FAKER = Source(
    registry="pypi",
    package="faker",
    version="40.54.0",
    sha256="38fba73e32699a9f1071724d67e5a66a84bf057987cffb27c9d0c979fda3f135",
    family="names",
    draw=0,
)
TABLE = ROOT.parent / "src" / "vizsla" / "naming" / "gibberish.bin"
LOCAL_PARTS, INITIALS = 400_000, 30_000
SIZE = len(SYMBOLS)

_CYRILLIC = dict(
    zip("абвгдезийклмнопрстуфыэіїєґћђјљњџ", "a b v g d e z i y k l m n o p r s t u f y e i yi ye g c dj j lj nj dz".split(), strict=True)
) | {"ё": "e", "ж": "zh", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "shch", "ю": "yu", "я": "ya", "ъ": "", "ь": ""}  # fmt: skip
_GREEK = dict(zip("αβγδεζηικλμνξοπρστυφως", "a v g d e z i i k l m n x o p r s t y f o s".split(), strict=True)) | {
    "θ": "th", "χ": "ch", "ψ": "ps"}  # fmt: skip
_LATIN = {"ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ə": "a"}
_TO_LATIN = _CYRILLIC | _GREEK | _LATIN

# How often a shape is drawn. F and L are the names, f and l their initials, m a middle initial, a dot any mark, # digits.
_SHAPES = {
    "F.L": 22, "fL": 12, "FL": 8, "F": 10, "L": 7, "f.L": 5, "Fl": 5, "Lf": 3, "L.F": 4, "LF": 2, "F.l": 2, "fmL": 4, "Lfm": 3,
    "F.m.L": 2, "Fcut": 3, "Lcut": 2, "fml#": 3,
}  # fmt: skip
_NUMBERED = 0.13
# Vietnam and China write initials of two or three given names behind or before the other name: nguyenvt, hanhntm, xyzhang.
_OWN_NAMES = {
    # First names, last names. Faker has a dozen of Vietnam and China in Latin letters, and none of Korea.
    "Vietnam": (
        """anh binh chau chi cuong dung duc giang ha hai hang hanh hien hieu hoa hoang hong hung huong huy khanh khoa kien lam
        lan linh loan long mai minh my nam nga ngan ngoc nhan nhi nhung phong phuc phuong quan quang quoc quyen quynh son tai
        tam tan thanh thao thi thien thu thuy tien toan trang tri trinh trung truong tu tuan tung tuyen van vi viet vinh vy
        xuan yen""",
        """nguyen tran le pham hoang huynh phan vu vo dang bui do ho ngo duong ly dinh trinh mai dao cao luong luu ta chu
        truong doan ha thai to kieu quach""",
    ),
    "China": (
        """bin bo chao chen cheng dan dong fang fei feng gang hai hao haoran hong hua hui jia jiayi jian jie jing jun kai kun
        lan lei li lin ling long mei min ming na ning peng ping qi qiang qing rong rui shan shuai siyu tao ting wei wenjing xia
        xiang xiaoming xin xinyi xiu xue yan yang yi yifan ying yong yu yuan yue yun yuxuan zhen zhi zhong zhuo ziyi zixuan""",
        """zhang wang li zhao liu chen yang huang zhou wu xu sun ma zhu hu guo he gao lin luo zheng liang xie song tang deng han
        feng cao peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lv ding ren shen yao lu cui zhong tan fan jin
        shi liao jia xia fu fang zou xiong bai meng qin qiu hou yin xue yan duan lei long tao""",
    ),
    "Korea": (
        """minjun seojun dohyun jihoon joonho minho jisoo jiwoo seoyeon minji hyejin eunji sooyoung younghee jinwoo donghyun
        sunghyun hyunwoo taeyang kyungsoo yuna haeun minseo jiyoung hyeri seunghyun jaehyun wonbin hyun sung jin young eun""",
        """kim lee park choi jung jeong kang cho yoon yun jang lim im han oh seo shin kwon hwang ahn an song yoo ryu hong jeon ko
        moon yang son bae baek heo nam sim noh ha""",
    ),
}
_INITIALS_IN = ("Vietnam", "China", "Korea", "zh_TW")
_INITIAL_SHAPES = {"Lfm": 4, "Fml": 2, "fmL": 3, "Fmml": 1}

Names = tuple[tuple[str, ...], tuple[str, ...]]


def main() -> None:
    names = load_names()
    table = count_table(draw_local_parts(names))
    TABLE.write_bytes(table)
    print(f"{len(names)} countries, {len(set().union(*(first for first, _ in names.values())))} first names, "
          f"{len(set().union(*(last for _, last in names.values())))} last names\n{TABLE.name}: {len(table)} octets, {digest(table)}")  # fmt: skip


@cache
def load_names() -> dict[str, Names]:
    """First and last names of each of Faker's locales and of `_OWN_NAMES`, in lower-case ASCII."""
    sys.path.insert(0, str(unpack(fetch(FAKER))))
    try:
        people = importlib.import_module("faker.providers.person")
        locales = {}
        for found in sorted(pkgutil.iter_modules(people.__path__), key=lambda module: module.name):
            provider = importlib.import_module(f"{people.__name__}.{found.name}").Provider
            first, last = _names_of(provider, "first"), _names_of(provider, "last")
            if min(len(first), len(last)) > 10:
                locales[found.name] = (first, last)
        own = {name: (tuple(first.split()), tuple(last.split())) for name, (first, last) in _OWN_NAMES.items()}
        return locales | own
    finally:
        sys.path.pop(0)


def unpack(archive: Path) -> Path:
    """Where the one folder at the top of a source archive lies unpacked."""
    target = CACHE / "unpacked" / archive.name.removesuffix(".tar.gz")
    if not target.exists():
        with tarfile.open(archive) as members:
            members.extractall(target, filter="data")
    return next(folder for folder in target.iterdir() if folder.is_dir())


def fold(name: str) -> str:
    """*name* in lower-case ASCII as its bearer would type it, or nothing if that is not known of its script."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(c))
    text = "".join(_TO_LATIN.get(c, c) for c in bare.replace("ου", "ou") if c not in "’ʼ'`·.")
    return re.sub(r"[^a-z \-]", "", text).strip(" -") if text.isascii() else ""


def draw_local_parts(names: dict[str, Names]) -> list[str]:
    """As many local parts as are counted, the same each time."""
    dice = random.Random(7)
    locales = list(names)
    # A locale with four times the names counts twice as much.
    weights = [math.sqrt(len(first) + len(last)) for first, last in names.values()]
    drawn = [draw_local_part(dice, *names[locale]) for locale in dice.choices(locales, weights, k=LOCAL_PARTS)]
    shapes, often = list(_INITIAL_SHAPES), list(_INITIAL_SHAPES.values())
    for locale in dice.choices(_INITIALS_IN, k=INITIALS):
        first, last = names[locale]
        drawn.append(_draw(dice, dice.choices(shapes, often)[0], dice.choice(first), dice.choice(last), first))
    return drawn + sorted(DEPARTMENT_OF_WORD) * 3


def draw_local_part(dice: random.Random, first: Sequence[str], last: Sequence[str]) -> str:
    """A local part that somebody of these names may have."""
    shape = dice.choices(list(_SHAPES), list(_SHAPES.values()))[0]
    local = _draw(dice, shape, dice.choice(first), dice.choice(last), first)
    if dice.random() < _NUMBERED:
        local += dice.choice(["", "", "", ".", "_"]) + _digits(dice, dice.choice((1, 1, 2, 2, 2, 2, 3, 4, 4)))
    return local


def _draw(dice: random.Random, shape: str, first: str, last: str, others: Sequence[str]) -> str:
    first = re.sub(r"[ -]+", dice.choice(["", "-", "", "."]), first)
    last = re.sub(r"[ -]+", dice.choice(["", "-", ""]), last)
    mark = dice.choice("._-")
    if shape == "Fcut":
        return first[: dice.choice((2, 3, 4))] + last[: dice.choice((3, 4, 5, 6))]
    if shape == "Lcut":
        return last[: dice.choice((4, 5, 6, 7))] + first[0]
    made = {
        "F": lambda: first,
        "L": lambda: last,
        "f": lambda: first[0],
        "l": lambda: last[0],
        "m": lambda: dice.choice(others)[0],
        ".": lambda: mark,
        "#": lambda: _digits(dice, dice.randint(0, 6)),
    }
    return "".join(made[part]() for part in shape)


def _digits(dice: random.Random, count: int) -> str:
    return "".join(dice.choice("0123456789") for _ in range(count))


def count_table(local_parts: Iterable[str]) -> bytes:
    """The table of `vizsla.naming.gibberish`: bits of each trigram as a name, less its bits as noise."""
    trigrams: Counter[tuple[int, int, int]] = Counter()
    for local in local_parts:
        symbols = bytes((0, 0)) + to_symbols(local)
        trigrams.update(zip(symbols, symbols[1:], symbols[2:], strict=False))
    bigrams: Counter[tuple[int, int]] = Counter()
    unigrams: Counter[int] = Counter()
    for (_, b, c), count in trigrams.items():
        bigrams[b, c] += count
        unigrams[c] += count
    total = unigrams.total()
    flat = [(unigrams[c] + 1) / (total + SIZE) for c in range(SIZE)]
    one = [_witten_bell([bigrams[b, c] for c in range(SIZE)], flat) for b in range(SIZE)]
    table = bytearray()
    for a, b in product(range(SIZE), repeat=2):
        shares = _witten_bell([trigrams[a, b, c] for c in range(SIZE)], one[b])
        table += bytes(_octet(-math.log2(share) - _NOISE[c]) for c, share in enumerate(shares))
    return bytes(table)


_NOISE = [0.0, *[math.log2(36)] * 26, math.log2(3.6), 0.0]
"""Bits of each symbol where letters and digits are drawn alike; ends and marks speak for neither side."""


def _witten_bell(counts: Sequence[int], shorter: Sequence[float]) -> list[float]:
    """Shares by *counts*, with as much weight for the *shorter* context as there were different followers."""
    kinds = sum(count > 0 for count in counts)
    whole = sum(counts) + kinds
    return [(count + kinds * less) / whole if whole else less for count, less in zip(counts, shorter, strict=True)]


def _octet(bits: float) -> int:
    return max(0, min(255, round(bits / STEP) + SHIFT))


def _names_of(provider: type, kind: str) -> tuple[str, ...]:
    found = set()
    for attribute in dir(provider):
        value = getattr(provider, attribute)
        if kind in attribute and "name" in attribute and isinstance(value, dict | list | tuple | set):
            found |= {fold(name) for name in value if isinstance(name, str)}
    return tuple(sorted(found - {""}))


if __name__ == "__main__":
    main()
