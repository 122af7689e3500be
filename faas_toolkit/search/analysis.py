"""How text becomes terms that compare equal: folding, words, character pairs for scripts without spaces, trigrams.

Chinese, Japanese, Korean and Thai are cut into single characters and pairs: that beats a dictionary in both simplified and
traditional text and needs none (measured in crm-and-knowledge, e: nDCG .981 on CMRC, .959 on DRCD; jieba .977 and .934).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator

# Scripts that are written without spaces: Thai to Khmer, kana, Han with its extensions, Hangul (which Koreans space by phrase).
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
# `\w` knows letters and digits only; without the vowel signs Hebrew, Arabic and Indic words would fall apart.
_MARKS = "\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0900-\u0dff"
_RUNS = re.compile(f"(?P<unspaced>[{_UNSPACED}]+)|(?P<word>(?:[^\\W_{_UNSPACED}]|[{_MARKS}])+)")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_KANA = re.compile("[\u3040-\u30ff]")
_UNSPACED_RUN = re.compile(f"[{_UNSPACED}]+")
_DIACRITICS = re.compile("[\u0300-\u036f]")
# Latin letters that Unicode does not decompose.
_LETTERS = str.maketrans({"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i", "þ": "th", "ð": "d", "ħ": "h", "ŧ": "t"})

# English words that say nothing about what a question is about. Other languages are left alone: in FTS5's BM25 a term that most
# documents hold counts nothing anyway.
_FUNCTION_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a about also am an and any are as at be been but by can could did do does for from had has have he her him his "
        "how i if in into is it its may me my no not of on or our shall she should so some such than that the their "
        "them then there these they this those to us was we were what when where which who whom whose why will with "
        "would you your ",
    )
)

MAX_TERM_CHARS = 64
"""Longer words are cut: nobody types them again, and they would fill an index."""


def fold(text: str) -> str:
    """NFKC, lower case, Latin letters without their diacritics: `ＪＯÃO` and `joao` are the same."""
    lowered = unicodedata.normalize("NFKC", text).casefold()
    if lowered.isascii():
        return lowered
    return unicodedata.normalize("NFC", _DIACRITICS.sub("", unicodedata.normalize("NFD", lowered))).translate(_LETTERS)


def words(text: str) -> list[str]:
    """The folded words in order; a run of a script without spaces counts as one word."""
    return [match[0] for match in _RUNS.finditer(fold(text))]


def terms(text: str) -> list[str]:
    """What is indexed: words, and for scripts without spaces every character and every pair of neighbours."""
    return list(_terms(text, single_characters=True))


def required_terms(text: str) -> list[str]:
    """What a text must hold to contain this query: as `terms`, without the single characters that the pairs imply."""
    return list(dict.fromkeys(_terms(text, single_characters=False)))


def question_terms(text: str) -> list[str]:
    """What a question is searched by: its distinct terms without English function words, unless it holds nothing else.

    Leaving these words out is worth .006 nDCG on Cranfield and two thirds of the time (`bench/knowledge.py`).
    """
    found = list(dict.fromkeys(terms(text)))
    return [term for term in found if term not in _FUNCTION_WORDS] or found


def trigrams(text: str) -> list[str]:
    """The character trigrams of each folded word, with its beginning and end marked by `^` and `$`; distinct, in order."""
    return list(dict.fromkeys(gram for word in words(text) for gram in _grams(f"^{word}$")))


def has_han(text: str) -> bool:
    """Whether a Chinese character (also as kanji or hanja) appears."""
    return _HAN.search(text) is not None


def is_chinese(text: str) -> bool:
    """Whether the text holds Chinese characters and no kana, so that a Mandarin reading means something."""
    return has_han(text) and _KANA.search(text) is None


def is_unspaced(word: str) -> bool:
    """Whether the whole word is of a script without spaces."""
    return _UNSPACED_RUN.fullmatch(word) is not None


def _terms(text: str, *, single_characters: bool) -> Iterator[str]:
    for match in _RUNS.finditer(fold(text)):
        run = match[0]
        if match.lastgroup == "word":
            yield run[:MAX_TERM_CHARS]
            continue
        if single_characters or len(run) == 1:
            yield from run
        yield from _pairs(run)


def _pairs(run: str) -> Iterable[str]:
    return (run[at : at + 2] for at in range(len(run) - 1))


def _grams(marked: str) -> Iterable[str]:
    return (marked[at : at + 3] for at in range(len(marked) - 2))
