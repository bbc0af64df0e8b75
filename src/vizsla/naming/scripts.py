"""
Which names are written with the family name first, and how are they read?

Han, Hangul and kana; and Chinese names in Latin letters, which Chinese firms cut into syllables (`wangxm`). A Chinese name is
told from others by its family name alone: a hundred of them cover nine tenths of the people.
"""

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

_HAN_SURNAMES_OF_TWO = frozenset(
    "欧阳 歐陽 司马 司馬 诸葛 諸葛 上官 夏侯 东方 東方 皇甫 尉迟 公孙 慕容 令狐 宇文 司徒".split()
)
_HANGUL_SURNAMES_OF_TWO = frozenset("남궁 황보 제갈 사공 선우 서문 독고".split())
_HANGUL_SURNAMES = dict(zip(
    "김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 류 유 홍 전 고 문 양 손 배 백 허 남 심 노 하".split(),
    """kim lee park choi jung kang cho yoon jang lim han oh seo shin kwon hwang ahn song ryu yoo hong jeon ko moon yang son bae
    baek heo nam sim noh ha""".split(),
    strict=True,
))  # fmt: skip
_CHINESE = frozenset(
    """wang li zhang liu chen yang huang zhao wu zhou xu sun ma zhu hu guo he gao lin luo zheng liang xie song tang deng han feng cao
    peng zeng xiao tian dong pan yuan cai jiang yu du ye cheng wei su lv lyu ding ren shen yao lu cui zhong tan fan jin shi liao jia
    xia fu fang zou xiong bai meng qin qiu hou yin xue yan duan lei long tao hao kong mao chang wan gu lai wen pang yi qian shao qiao
    hong zhuang niu""".split()
)  # fmt: skip
_SYLLABLE = re.compile(
    "(?:(?:zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw])?(?:iang|iong|uang|ang|eng|ing|ong|ian|iao|uan|uai|ai|an|ao|ei|en|er|ia|ie|in|iu|ou|ua|ue"
    "|ui|un|uo|a|e|i|o|u|v))"
)


@lru_cache(8_192)
def is_east_asian(word: str) -> bool:
    """Whether *word* is written in Han, Hangul or kana alone."""
    return not word.isascii() and all(
        unicodedata.name(sign, "").startswith(("CJK UNIFIED", "HANGUL", "HIRAGANA", "KATAKANA", "CJK COMPAT"))
        for sign in word
    )


def has_han(text: str) -> bool:
    """Whether a sign of *text* is Han."""
    return not text.isascii() and any(unicodedata.name(sign, "").startswith("CJK") for sign in text)


def split_east_asian(word: str) -> tuple[str, str] | None:
    """Family and given name of one word of two to five signs; None for what cannot be cut without a dictionary."""
    if not 2 <= len(word) <= 5 or any("KANA" in unicodedata.name(sign, "") for sign in word):
        return None
    size = 2 if len(word) > 2 and word[:2] in _HAN_SURNAMES_OF_TWO | _HANGUL_SURNAMES_OF_TWO else 1
    return word[:size], word[size:]


def surname_comes_first(words: list[str]) -> bool:
    """Whether *words*, in Latin letters, are a Chinese name as China writes it: Wang Xiaoming."""
    return (
        2 <= len(words) <= 3
        and words[0].lower() in _CHINESE
        and words[-1].lower() not in _CHINESE
        and len(syllables("".join(words[1:]))) == 2
    )


def read_surname(text: str) -> str | None:
    """How a Korean family name is spelled by those who bear it; None for all others."""
    return _HANGUL_SURNAMES.get(text)


def is_chinese_surname(folded: str) -> bool:
    """Whether *folded* (small letters) is among the usual Chinese family names."""
    return folded in _CHINESE


def syllables(given: str) -> list[str]:
    """The syllables of a Chinese given name, in Latin letters or in Han; empty if it is not made of them."""
    if is_east_asian(given):
        return [anyascii(sign).lower() for sign in given]
    parts = [part for part in re.split(r"[^a-z]+", given.lower()) if part]
    cut: list[str] = []
    for part in parts:
        found = _cut(part)
        if found is None:
            return []
        cut += found
    return cut


@lru_cache(8_192)
def _cut(word: str) -> list[str] | None:
    """*word* in as few syllables as it can be, at most three; None if it is not made of syllables."""
    if len(word) > 18:
        return None
    shortest: dict[int, list[str]] = {0: []}
    for start in range(len(word)):
        if start not in shortest or len(shortest[start]) == 3:
            continue
        for end in range(start + 1, min(len(word), start + 6) + 1):
            if _SYLLABLE.fullmatch(word, start, end):
                known = shortest.get(end)
                if known is None or len(known) > len(shortest[start]) + 1:
                    shortest[end] = [*shortest[start], word[start:end]]
    return shortest.get(len(word))
