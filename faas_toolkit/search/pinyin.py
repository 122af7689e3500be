"""How a Chinese name sounds. pypinyin costs 130 ms and 53 MB, so it is loaded only when Chinese characters appear."""

from functools import lru_cache

from faas_toolkit.search.analysis import fold, is_chinese

# Surnames that are read unlike the same character elsewhere (Xinhua dictionary); pypinyin gives the everyday reading.
_SURNAMES = {
    "曾": "zeng",
    "单": "shan",
    "單": "shan",
    "解": "xie",
    "仇": "qiu",
    "任": "ren",
    "区": "ou",
    "區": "ou",
    "查": "zha",
    "朴": "piao",
    "覃": "qin",
    "翟": "zhai",
    "华": "hua",
    "華": "hua",
    "缪": "miao",
    "繆": "miao",
    "乐": "yue",
    "樂": "yue",
    "冼": "xian",
    "召": "shao",
    "员": "yun",
    "員": "yun",
    "秘": "bi",
    "种": "chong",
    "盖": "ge",
    "蓋": "ge",
    "燕": "yan",
    "尉迟": "yu chi",
    "尉遲": "yu chi",
    "万俟": "mo qi",
    "長孫": "zhang sun",
    "长孙": "zhang sun",
}


@lru_cache(maxsize=4_096)
def syllables(text: str) -> tuple[str, ...]:
    """The Mandarin syllables without tones, `ü` as `u`: `("zhang", "wei")`; empty where there is no Chinese."""
    if not is_chinese(text):
        return ()
    from pypinyin import lazy_pinyin

    return tuple(sound(part) for part in lazy_pinyin(text, errors="ignore") if part)


def readings(name: str) -> tuple[tuple[str, ...], ...]:
    """All ways in which a personal name may be read: as everyday words, and with the surname's own reading."""
    everyday = syllables(name)
    if not everyday:
        return ()
    for length in (2, 1):
        surname = _SURNAMES.get(name[:length])
        if surname is not None:
            as_name = (*surname.split(), *everyday[length:])
            return (everyday,) if as_name == everyday else (as_name, everyday)
    return (everyday,)


def sound(text: str) -> str:
    """The form in which typed and computed pinyin are compared: folded letters only, `ü` and its stand-in `v` as `u`."""
    return "".join(character for character in fold(text).replace("v", "u") if character.isalpha())
