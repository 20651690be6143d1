"""What a person's name says in either script, and whether two names can be one person's.

张伟, "Zhang Wei" and "Wei, Zhang" are one name; 张** may be one of them; 张女士 tells the family
name. Chinese names are spelt in pinyin without tones, family name apart.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pypinyin import lazy_pinyin

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_STARS: Final = re.compile(r"[*＊]")
_TITLES: Final = re.compile(r"(先生|女士|小姐|太太|同学|老师)$")
_LATIN_TITLES: Final = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "sir"})
_DOUBLE_FAMILY_NAMES: Final = frozenset({
    "欧阳",
        "上官",
        "司马",
        "诸葛",
        "东方",
        "皇甫",
        "尉迟",
        "公孙",
        "慕容",
    "司徒",
        "令狐",
        "长孙",
        "宇文",
        "夏侯",
        "端木",
        "南宫",
        "独孤",
})  # fmt: skip
# As family names these are not read as pypinyin reads them alone.
_FAMILY_READINGS: Final = {
    "曾": "zeng", "单": "shan", "解": "xie", "仇": "qiu", "区": "ou", "查": "zha", "朴": "piao",
    "翟": "zhai", "尉迟": "yuchi", "乐": "yue", "任": "ren", "盖": "ge", "缪": "miao", "覃": "qin",
}  # fmt: skip


@dataclass(frozen=True)
class Name:
    """What can be compared of a name; empty where it does not say.

    Attributes:
        latin: its parts in latin letters, in alphabetical order, blanks between.
        key: its letters in alphabetical order: equal however the parts are ordered or joined.
        visible: the part of a masked or shortened name that it shows.
    """

    latin: str = ""
    key: str = ""
    visible: str = ""


@lru_cache(maxsize=500_000)
def read_name(text: str) -> Name:
    """A name as written anywhere, read."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if not plain:
        return Name()
    if _HAN.search(plain):
        return _chinese(re.sub(r"[^\u3400-\u9fff*]", "", plain))
    return _western(plain)


def _chinese(text: str) -> Name:
    shown = _TITLES.sub("", text)
    family, given = _divided(_STARS.sub("", shown), is_masked="*" in shown)
    if "*" in shown:
        return Name(visible=_spelt_family(family) if not shown.startswith("*") and family else "")
    if not given:
        return Name(visible=_spelt_family(family) if family else "")
    parts = sorted([_spelt_family(family), "".join(lazy_pinyin(given))])
    return Name(latin=" ".join(parts), key="".join(sorted("".join(parts))))


def _divided(text: str, *, is_masked: bool) -> tuple[str, str]:
    is_double = text[:2] in _DOUBLE_FAMILY_NAMES and (is_masked or len(text) > 2)
    length = 2 if is_double else 1
    return text[:length], text[length:]


def _spelt_family(family: str) -> str:
    return _FAMILY_READINGS.get(family) or "".join(lazy_pinyin(family))


def _western(text: str) -> Name:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    masked = [part for part in bare.split() if "*" in part]
    parts = [re.sub(r"[\W\d_]", "", part) for part in bare.replace(",", " ").split()]
    parts = [part for part in parts if part and part not in _LATIN_TITLES]
    whole = sorted(part for part in parts if len(part) > 1)
    if masked or len(whole) < len(parts):
        # "J. Smith" and "S**** Jones" tell the longest whole part.
        told = [p for p in whole if not any(p in re.sub(r"[\W\d_]", "", m) for m in masked)]
        return Name(visible=max(told, key=len)) if told else Name()
    return Name(latin=" ".join(whole), key="".join(sorted("".join(whole))))
