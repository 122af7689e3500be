"""Numbers that states give to people: resident identity cards of China, social security of the US, My Number of Japan."""

import re
from collections.abc import Iterator

from faas_toolkit.core.detectors.text import Found, field_words, numbers, plain

_LONGEST_WHOLE = 60

# --- China: GB 11643, region, date of birth, sequence, check digit by ISO 7064 MOD 11-2 -----------------------------------------

_REGION = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9\d)\d{4}"
_MONTH_AND_DAY = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_CN_ID = re.compile(
    rf"(?<![A-Za-z0-9])(?<!\d[-.]){_REGION}(?P<cn>[ -]?)(?:18|19|20)\d\d{_MONTH_AND_DAY}(?P=cn)\d{{3}}[\dXx]"
    r"(?![A-Za-z0-9])(?![-.]\d)",
    re.ASCII,
)
_CN_WORDS = r"身份证|身份證|居民证|id[ _-]?card|identity[ _-]?card|cn[ _-]?id|resident[ _-]?id"
# Fifteen digits (until 1999) have no check digit, so only a word tells them from other numbers.
_CN_OLD = rf"(?P<number>{_REGION}\d\d{_MONTH_AND_DAY}\d{{3}})(?!\d)"
_CN_OLD_LABELLED = re.compile(rf"(?:{_CN_WORDS})[^\d\n]{{0,12}}{_CN_OLD}", re.ASCII | re.IGNORECASE)
_CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_FIELD = re.compile(
    r"(?:.*_)?(?:cn_id|id_card|identity_card|resident_id|.*身份证|.*身份證)(?:_?(?:number|num|no|号|号码|號碼))?"
)


def find_cn_ids(text: str, key: str = "") -> Iterator[Found]:
    """Eighteen digits with date and check digit; fifteen with a date behind a word for them, or in a field named so."""
    rules = (_CN_ID, _is_cn_id), (_CN_OLD_LABELLED, _as_it_is)
    return _in_field("cn_id", text, key, _CN_OLD) or numbers("cn_id", text, *rules)


def _as_it_is(match: re.Match[str]) -> bool:
    return True


def _is_cn_id(match: re.Match[str]) -> bool:
    number = match[0].replace(" ", "").replace("-", "").upper()
    total = sum(weight * int(digit) for weight, digit in zip(_CN_WEIGHTS, number, strict=False))
    return "10X98765432"[total % 11] == number[17]


# --- United States: SSA, area 001 to 899 without 666, group and serial not zero -------------------------------------------------

_SSN = r"(?!000|666|9)\d{3}%s(?!00)\d\d%s(?!0000)\d{4}"
_DASHED_SSN = re.compile(rf"(?<![A-Za-z0-9_#])(?<![A-Za-z0-9][-./]){_SSN % ('-', '-')}(?![A-Za-z0-9_])(?![-.]\d)", re.ASCII)
_ANY_SSN = rf"(?P<number>{_SSN % ('(?P<us>[ .-]?)', '(?P=us)')})(?![A-Za-z0-9])"
_LABELLED_SSN = re.compile(
    rf"(?:(?<![A-Za-z])SSNs?(?![A-Za-z])|social[ _-]?security)[^\d\n]{{0,16}}{_ANY_SSN}", re.ASCII | re.IGNORECASE
)
_SSN_FIELD = re.compile(r"(?:.*_)?(?:us_)?(?:ssn|social_security)(?:_?(?:number|num|no))?")


def find_us_ssns(text: str, key: str = "") -> Iterator[Found]:
    """`123-45-6789`; nine digits in one piece or with blanks behind `SSN`, or in a field named so."""
    rules = (_DASHED_SSN, _as_it_is), (_LABELLED_SSN, _as_it_is)
    return _in_field("us_ssn", text, key, _ANY_SSN) or numbers("us_ssn", text, *rules)


# --- Japan: ordinance of the Ministry of Internal Affairs 85/2014, article 5: twelve digits, the last one checks ----------------

_TWELVE = r"(?P<number>\d{4}(?P<jp>[ -]?)\d{4}(?P=jp)\d{4})(?![A-Za-z0-9])(?![ .-]\d)"
_DASHED_MY_NUMBER = re.compile(rf"(?<![A-Za-z0-9_#])(?<![A-Za-z0-9][-.:/]){_TWELVE.replace('[ -]?', '-')}", re.ASCII)
_LABELLED_MY_NUMBER = re.compile(
    rf"(?:マイナンバ[ー-]|ﾏｲﾅﾝﾊﾞｰ|個人番号|my[ _-]?number|individual[ _-]number)[^\d\n]{{0,16}}{_TWELVE}", re.ASCII | re.IGNORECASE
)
_MY_NUMBER_FIELD = re.compile(r"(?:.*_)?(?:my_?number|individual_number|jp_my_number|.*マイナンバー|.*個人番号)")


def find_my_numbers(text: str, key: str = "") -> Iterator[Found]:
    """Twelve digits with their check digit: in fours with dashes, behind a word for them, or in a field named so."""
    rules = (_DASHED_MY_NUMBER, _is_my_number), (_LABELLED_MY_NUMBER, _is_my_number)
    return _in_field("jp_my_number", text, key, _TWELVE) or numbers("jp_my_number", text, *rules)


def _is_my_number(match: re.Match[str]) -> bool:
    *digits, check = (int(digit) for digit in match["number"] if digit.isdigit())
    total = sum(digit * (place + 1 if place <= 6 else place - 5) for place, digit in enumerate(reversed(digits), 1))
    return check == (0 if total % 11 <= 1 else 11 - total % 11)


# --- fields whose name says it --------------------------------------------------------------------------------------------------

_FIELDS = {"cn_id": _CN_FIELD, "us_ssn": _SSN_FIELD, "jp_my_number": _MY_NUMBER_FIELD}


def is_identity_field(detector: str, key: str) -> bool:
    """Whether a field of this name holds such numbers and nothing else."""
    return detector in _FIELDS and _FIELDS[detector].fullmatch(field_words(key)) is not None


def _in_field(detector: str, text: str, key: str, number: str) -> Iterator[Found] | None:
    """The number that a field holds whose name says so; None where it is another field, or holds more than that."""
    if not key or len(text) >= _LONGEST_WHOLE or not is_identity_field(detector, key):
        return None
    match = re.fullmatch(rf"\s*{number}\s*", plain(text), re.ASCII)
    return iter([Found(detector, *match.span("number"), text[slice(*match.span("number"))])]) if match else None
