"""Where personal data stands in a text: e-mail addresses and phone numbers, in any script, in linear time.

Every repetition in a pattern is bounded, and no pattern can match one text in two ways of growing length, so a hostile text costs
no more than an ordinary one of its size.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Found:
    """A piece of personal data in a text."""

    detector: str
    start: int
    end: int
    text: str


# --- e-mail ---------------------------------------------------------------------------------------------------------------------

UNSPACED_SCRIPTS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
"""Scripts that write words without spaces between them (Thai to Hangul): there a neighbour says nothing about a word's edge."""

# The top-level domains of these scripts by name: the text may run on after them without a space.
_UNSPACED_TLD = (
    "中国|中國|公司|网络|網絡|网址|商城|在线|中文网|手机|移动|集团|商店|广告|香港|台湾|台灣|新加坡|澳門|政务|公益"
    "|みんな|世界|コム|닷컴|닷넷|한국"
)
_LABEL = rf"(?:[^\W_{UNSPACED_SCRIPTS}](?:[^\W{UNSPACED_SCRIPTS}]|-){{0,62}}|[{UNSPACED_SCRIPTS}][\w-]{{0,62}})"
AT_SIGN = re.compile(r"[@＠﹫]|%(?:25){0,2}40|&#(?:0{0,5}64|[xX]0{0,4}40);|&commat;|\\u0040")
"""The sign as it is, wide and small, and as URLs (also twice encoded), HTML and JSON spell it."""
_DOMAIN = re.compile(
    rf"(?:{_LABEL}[.．]){{1,8}}(?:xn--[a-z0-9-]{{1,59}}|{_UNSPACED_TLD}|[^\W\d_{UNSPACED_SCRIPTS}]{{2,24}}(?![^\W_{UNSPACED_SCRIPTS}]))",
    re.IGNORECASE,
)
# Read from the @ to the left, so on reversed text. First the usual local part, which ends where an unspaced script begins
# (联系user@example.com); only where such a script stands at the @ itself does it belong to the address (用户@例子.中国).
_LOCAL = re.compile(rf"(?:[^\W{UNSPACED_SCRIPTS}]|[.．＋－+%&'-]){{0,63}}[^\W{UNSPACED_SCRIPTS}]|[\w.．＋－+-]{{0,63}}\w")


def find_emails(text: str, key: str = "") -> Iterator[Found]:
    """E-mail addresses, in any script and spelling of the sign; also where no space stands before or after them.

    The field's name says nothing more.
    """
    for sign in AT_SIGN.finditer(text):
        domain = _DOMAIN.match(text, sign.end())
        if domain is None:
            continue
        at = sign.start()
        local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        if local is not None:
            start = at - local.end()
            yield Found("email", start, domain.end(), text[start : domain.end()])


# --- phone ----------------------------------------------------------------------------------------------------------------------

_WIDE = str.maketrans(
    {ord("０") + digit: str(digit) for digit in range(10)}
    | dict.fromkeys(map(ord, "－‐‑‒–—−ー"), "-")
    | dict.fromkeys(map(ord, "\u3000\u00a0\u2009\u202f\t"), " ")
    | {ord("＋"): "+", ord("（"): "(", ord("）"): ")", ord("："): ":", ord("．"): "."}
)
"""One character for one, so that positions stay."""

# Where digits enough for a number stand close together: a quick look, and only around these places a thorough one.
_DIGITS = re.compile(r"\d(?:[^\d\n]{0,3}\d){6,}")
_BEFORE_DIGITS = 32
"""What of the text before them tells what they are: a plus sign and brackets, or a label (WhatsApp number": ")."""
_BEHIND_DIGITS = 8

# Any country, E.164: the plus sign (%2B in a URL) says what it is, so only the number of digits is checked.
_INTERNATIONAL = re.compile(r"(?:(?<![A-Za-z0-9_+])\(?\+|(?<=%2B))[1-9](?:\)?[ .-]?\(?\d){7,15}(?![A-Za-z0-9_])", re.ASCII)

# One country's ways of writing. None of them fits a date, an amount, a postal code, a card or a UUID; what stands directly behind
# a letter and a sign is an id (order-138…, person:138…), and digits joined to either end make it a part of something longer.
_NATIONAL = re.compile(
    r"""
    (?<![A-Za-z0-9_#$¥￥€£])(?<![A-Za-z_][-:/#=.,])(?<!\d[-.:])(?<![$¥￥€£][ ])
    (?: (?:(?:00)?86[ -]|0086)?1[3-9]\d(?P<cn>[ -]?)\d{4}(?P=cn)\d{4}     # CN mobile: 13812345678, 138-1234-5678
      | 0(?:10|2\d|[3-9]\d\d)-\d{7,8}(?:-\d{1,4})?                        # CN landline: 010-12345678, 0755-1234567-801
      | [48]00-(?:\d{3}-\d{4}|\d{4}-\d{3})                                # CN service number: 400-123-4567
      | 0[5-9]0\d{8} | 010\d{8} | 07[1-9]\d{8}                            # JP, KR, UK mobile in one piece
      | (?P<trunk>0[1-9]\d{0,3}(?P<jp>[ -])\d{1,4}(?P=jp)\d{3,4})         # JP, KR, UK, AU: 03-1234-5678, 020 7946 0958
      | 0[1-9]\d{2,3}[ ]\d{6,7}                                           # UK, DE: 07700 900123, 0171 1234567
      | \(0[1-9]\d{0,3}\)[ -]?\d{3,4}[ -]?\d{3,4}                         # (03)1234-5678, (020) 7946 0958, (010)12345678
      | 0[1-9]\d{0,3}\(\d{2,4}\)\d{4}                                     # JP: 03(1234)5678
      | (?P<nanp>(?:1[ .-])?[2-9]\d\d(?P<us>[ .-])[2-9]\d\d(?P=us)\d{4})  # US, CA: 415-555-0132, 1-800-555-0199
      | (?:1[ .-]?)?\([2-9]\d\d\)[ ]?[2-9]\d\d[ .-]?\d{4}                 # US, CA: (415) 555-0132
      | \(0?[1-9]\d\)[ ]?9?\d{4}[ -]?\d{4}                                # BR: (11) 98765-4321, (21) 3456-7890
      | [1-9]\d[ -]9\d{4}-\d{4}                                           # BR: 11 98765-4321
    )
    (?![A-Za-z0-9_])(?![.:-]\d)(?!,\d{1,3}(?!\d))
    """,
    re.ASCII | re.VERBOSE,
)

_PHONE_WORDS = (
    "tel(?:ephone|efone|éfono|efon)?|phone|mobile|cell(?:phone)?|celular|fone|fax|whatsapp"
    "|电话|電話|手机|手機|携帯|传真|傳真|ファックス"
)
_NUMBER = r"\+?\(?\d(?:\)?[ .-]?\(?\d){6,14}(?![A-Za-z0-9_])"
_LABELLED = re.compile(
    rf"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_PHONE_WORDS})s?(?:[ _-]?(?:no|number|号码|號碼|番号))?"
    rf"[\"':=#.\[ ]{{0,4}}({_NUMBER})",
    re.ASCII | re.IGNORECASE,
)
_PHONE_KEY = re.compile(_PHONE_WORDS, re.IGNORECASE)
# A name as narrow as that is asked of numbers: a count, a time or an id has one more word behind it (phone_calls, mobile_id).
_PHONE_FIELD = re.compile(
    r"(?:.*_)?(?:(?:tele|mobile|cell|hand|home|work|office|business|contact|customer|user)?phone|tel|(?:tele)?fone|tel[eé]fono?"
    r"|telefon|mobile|cell|celular|fax|whatsapp|.*(?:电话|電話|手机|手機|携帯|传真|傳真|ファックス)(?:号|号码|號碼|番号)?)s?"
    r"(?:_?(?:number|num|no|nr|e164|home|work|office|mobile|main|primary|other|\d{1,2}))*"
)
_NEXT_WORD = re.compile(r"(?<=[^\W_A-Z])(?=[A-Z])|[\W_]+")
_WHOLE_NUMBER = re.compile(rf"\s*({_NUMBER})\s*", re.ASCII)
_LONGEST_WHOLE = 100
_DATE_OR_ADDRESS = re.compile(r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d{1,3}(?:\.\d{1,3}){3}$", re.ASCII)


def find_phones(text: str, key: str = "") -> Iterator[Found]:
    """Phone numbers as E.164, as CN, JP, KR, US, BR, UK write them, and any 7 to 15 digits behind a word such as `Tel.`.

    Args:
        text: where to look.
        key: the name of the field that holds the text; a field such as `phone` holds a number in whatever form.
    """
    if key and len(text) < _LONGEST_WHOLE and _PHONE_KEY.search(key) and (whole := _WHOLE_NUMBER.fullmatch(_plain(text))):
        yield Found("phone", *whole.span(1), text[slice(*whole.span(1))])
        return
    position = 0
    for digits in _DIGITS.finditer(text):
        before = max(0, digits.start() - _BEFORE_DIGITS)
        for start, end in _spans(_plain(text[before : digits.end() + _BEHIND_DIGITS])):
            if before + start >= position:
                position = before + end
                yield Found("phone", before + start, position, text[before + start : position])


def _plain(text: str) -> str:
    return text if text.isascii() and "\t" not in text else text.translate(_WIDE)


def _spans(plain: str) -> list[tuple[int, int]]:
    spans = [match.span() for match in _INTERNATIONAL.finditer(plain) if _is_international(match[0])]
    spans += [match.span() for match in _NATIONAL.finditer(plain) if _is_national(match)]
    spans += [match.span(1) for match in _LABELLED.finditer(plain) if not _DATE_OR_ADDRESS.match(match[1])]
    return sorted(spans, key=lambda span: (span[0], -span[1]))


def _is_international(number: str) -> bool:
    digits = re.sub(r"\D", "", number.replace("(0)", ""))
    return 9 <= len(digits) <= 15 and not digits.startswith(("10", "11"))  # no area code of North America begins so


def _is_national(match: re.Match[str]) -> bool:
    if match["trunk"] and not 10 <= sum(map(str.isdigit, match["trunk"])) <= 12:
        return False
    if " " not in (match["jp"], match["us"]):
        return True
    text, (start, end) = match.string, match.span()  # groups parted by blanks alone, in a row with others: a table or a card
    return not (text[max(0, start - 1) : start] == " " and text[max(0, start - 2) : start - 1].isdigit()) and not (
        text[end : end + 1] == " " and text[end + 1 : end + 2].isdigit()
    )


@lru_cache(maxsize=4_096)
def _is_phone_field(key: str) -> bool:
    return len(key) <= 100 and _PHONE_FIELD.fullmatch(_NEXT_WORD.sub("_", key).lower()) is not None


def holds_number(detector: str, key: str) -> bool:
    """Whether a number, which is no text, is looked at by the detector; only where the name of its field leaves no doubt.

    In a text, signs and words tell a phone number from an id, an amount or a time; a number has only its field's name.
    """
    return detector == "phone" and _is_phone_field(key)


DETECTORS: Mapping[str, Callable[[str, str], Iterator[Found]]] = {"email": find_emails, "phone": find_phones}
"""The detectors by the name that the catalog uses; each takes a text and the name of its field, if it has one."""
