"""Numbers of bank cards and bank accounts."""

import re
from collections.abc import Iterator

from faas_toolkit.core.detectors.text import Found, field_words, numbers, plain

# --- cards: ISO/IEC 7812, issuer, account, Luhn's check digit -------------------------------------------------------------------

_CARD = re.compile(
    r"""
    (?<![A-Za-z0-9_#$¥￥€£])(?<![A-Za-z][-#])(?<!\d[-.])
    (?=[3-6]|8[12]|2[2-7]|9[57])
    (?: \d{13,19}
      | \d{4}(?:[ .-]{1,2}\d{4}){2}[ .-]{1,2}\d{1,4}(?:[ .-]{1,2}\d{1,3}(?!\d))?  # in fours: 4111 1111 1111 1111 (123)
      | 3\d{3}[ .-]{1,2}\d{6}[ .-]{1,2}\d{4,5}                                   # 3782 822463 10005
      | \d{6}[ .-]{1,2}\d{10,13}                                                 # 622202 1234567890123
    )
    (?![A-Za-z0-9_])(?![-.]\d)
    """,
    re.ASCII | re.VERBOSE,
)
_ISSUED = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35(?:2[89]|[3-8]\d)\d{12,15}"  # American Express, Diners Club, JCB
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12,15}|62\d{14,17}|8[12]\d{14,17}|955[89]\d{12,15}"  # Discover, UnionPay and banks of China
    r"|220[0-4]\d{12,15}|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{9,15}|9792\d{12}"  # Mir, Maestro, Troy
    r"|(?:60\d\d|508[5-9]|5067|5090|504[12]|636[23])\d{12}",  # RuPay, Hipercard, Elo
    re.ASCII,
)
_CARD_FIELD = re.compile(
    r"(?:.*_)?(?:(?:bank_?|credit_?|debit_?|payment_?)?card|pan|.*银行卡|.*卡号|.*カード|cartao|tarjeta)"
    r"(?:_?(?:number|num|no|pan|号|番号))?"
)
_WHOLE_CARD = re.compile(r"\s*(\d(?:[ .-]{0,2}\d){12,18})\s*", re.ASCII)
_ROUND = re.compile(r"(?:\d\d00[ .-]{1,2}){3}\d\d00")
"""Four amounts in a row."""
_TWICE = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def find_bank_cards(text: str, key: str = "") -> Iterator[Found]:
    """13 to 19 digits that an issuer of cards gives out, with their check digit; in a field named so those of any issuer."""
    if (
        key
        and len(text) < 60
        and is_card_field(key)
        and (whole := _WHOLE_CARD.fullmatch(plain(text)))
        and _luhn(_digits(whole[1]))
    ):
        yield Found("bank_card", *whole.span(1), text[slice(*whole.span(1))])
        return
    for found in numbers("bank_card", text, (_CARD, lambda match: _card_length(match[0]) > 0)):
        end = found.start + _card_length(plain(found.text))
        yield Found("bank_card", found.start, end, text[found.start : end])


def _card_length(written: str) -> int:
    """How many characters of it are a card's number, without what may stand behind it (the three digits of the back); else 0."""
    for length in (len(written), *(match.start() for match in re.finditer(r"[ .-]{1,2}\d{1,3}$", written))):
        digits = _digits(written[:length])
        if _ISSUED.fullmatch(digits) and _luhn(digits) and not _is_article(digits) and not _ROUND.fullmatch(written[:length]):
            return length
    return 0


def _digits(written: str) -> str:
    return "".join(filter(str.isdigit, written))


def _luhn(digits: str) -> bool:
    numbers_ = [int(digit) for digit in reversed(digits)]
    return (sum(numbers_[::2]) + sum(_TWICE[digit] for digit in numbers_[1::2])) % 10 == 0


def _is_article(digits: str) -> bool:
    """An article's number (EAN-13) that passes for a card: those of Germany and Japan begin with 4, too."""
    return len(digits) == 13 and (sum(map(int, digits[::2])) + 3 * sum(map(int, digits[1::2]))) % 10 == 0


def is_card_field(key: str) -> bool:
    """Whether a field of this name holds the numbers of cards and nothing else."""
    return _CARD_FIELD.fullmatch(field_words(key)) is not None


# --- accounts: ISO 13616, country, two check digits (ISO 7064 MOD 97-10), account -----------------------------------------------

_IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29, "BY": 28,
    "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18,
    "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18,
    "NO": 15, "OM": 23, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29,
    "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Characters of an account's number by country (SWIFT's registry, release 99)."""
_IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}[ -]?\d\d(?=[ -]?[A-Za-z0-9])", re.ASCII)
_IBAN_REST = {
    length: re.compile(rf"(?:[ -]?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])", re.ASCII)
    for length in set(_IBAN_LENGTHS.values())
}


def find_ibans(text: str, key: str = "") -> Iterator[Found]:
    """International bank account numbers, in one piece or in groups; the field's name says nothing more."""
    readable = plain(text)
    end = 0
    for match in _IBAN_START.finditer(readable):
        length = _IBAN_LENGTHS.get(match[0][:2].upper())
        rest = _IBAN_REST[length].match(readable, match.end()) if length and match.start() >= end else None
        if rest is not None and _is_iban(readable[match.start() : rest.end()]):
            end = rest.end()
            yield Found("iban", match.start(), end, text[match.start() : end])


def _is_iban(written: str) -> bool:
    compact = "".join(filter(str.isalnum, written)).upper()
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1
