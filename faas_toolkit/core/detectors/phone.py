"""Phone numbers: of any country with its plus sign, of many as they are written at home, and any behind a word such as `Tel.`."""

import re
from collections.abc import Iterator
from functools import lru_cache

from faas_toolkit.core.detectors.text import Found, field_words, near_digits, plain

# Any country, E.164: the plus sign (%2B in a URL) says what it is, so only the number of digits is checked.
_INTERNATIONAL = re.compile(r"(?:(?<![A-Za-z0-9_+])\(?\+|(?<=%2B))[1-9](?:\)?[ .-]?\(?\d){7,15}(?![A-Za-z0-9_])", re.ASCII)

# One country's ways of writing. None of them fits a date, an amount, a postal code, a card or a UUID; what stands directly behind
# a letter and a sign is an id (order-138…, person:138…), and digits joined to either end make it a part of something longer.
# What is not here (nine digits in threes, ten in one piece) looks like an amount or an id, and is found behind a word only.
_NATIONAL = re.compile(
    r"""
    (?<![A-Za-z0-9_#$¥￥€£])(?<![A-Za-z_][-:/#=.,])(?<!\d[-.:])(?<![$¥￥€£][ ])(?<!ISBN[ :])
    (?: (?:(?:00)?86[ -]|0086)?1[3-9]\d(?P<cn>[ -]?)\d{4}(?P=cn)\d{4}     # CN mobile: 13812345678, 138-1234-5678
      | 0(?:10|2\d|[3-9]\d\d)-\d{7,8}(?:-\d{1,4})?                        # CN landline: 010-12345678, 0755-1234567-801
      | [48]00-(?:\d{3}-\d{4}|\d{4}-\d{3})                                # CN service number: 400-123-4567
      | 0[5-9]0\d{8} | 010\d{8} | 07[1-9]\d{8}                            # JP, KR, UK mobile in one piece
      | 0[4-9]\d{8} | 0[6-9]\d{9} | 08[1-9]\d{8,10}                      # AU, SA, FR, VN, TH, TW, IN, PH, ID mobile, same
      | 06[ -](?:20|30|50|70)[ -]\d{3}[ -]\d{4}                           # HU: 06 20 123 4567
      | 0[2-9](?P<nz>[ -])\d{3}(?P=nz)\d{4}                               # NZ, TH: 09 123 4567
      | (?P<trunk>0[1-9]\d{0,3}(?P<jp>[ -])\d{1,4}(?P=jp)\d{3,4})         # JP, KR, UK, AU: 03-1234-5678, 020 7946 0958
      | (?P<area>0[1-9]\d{0,4}[ /-]\d{6,8})                               # UK, DE, NL, IT, IN: 07700 900123, 030/12345678
      | 0\d{1,2}-\d{3,4}[ ]\d{4} | 0\d{1,3}[ ](?:15-)?\d{3,4}-\d{4}       # MY: 012-345 6789, AR: 011 4123-4567
      | 0[1-9]\d{0,2}[ .-]\d{3}[ .-]\d\d[ .-]\d\d                         # CH, SE, BE, UA, VN: 044 123 45 67, 070-123 45 67
      | 0[45]\d\d[ .-]\d{2,3}[ .-]\d\d[ .-]\d\d                           # BE, TR: 0470 12 34 56, 0532 123 45 67
      | 0[67](?:[ .-]\d\d){4} | (?P<fr>0[1-589](?:[ ]\d\d){4})            # FR: 06 12 34 56 78, 01 42 68 53 00
      | 0[1-589](?:[.]\d\d){4}                                            # FR: 01.42.68.53.00
      | [6789]\d\d(?:[ ]\d\d){3} | 9\d[ ]\d{3}(?:[ ]\d\d){2}              # ES: 612 34 56 78, 91 123 45 67
      | 3[2-9]\d[ .]\d{6,7} | 3\d\d[ -]\d{3}[ -]\d{4}                      # IT mobile: 333 1234567; CO: 310 123 4567
      | 8[ -]?\(?[3-9]\d\d\)?[ -]?\d{3}-\d\d-\d\d                         # RU: 8 (495) 123-45-67
      | 0?[6-9]\d{4}[ -]\d{5}                                             # IN: 98765 43210
      | 1[38]00[ -]\d{3}[ -]\d{3}                                         # AU: 1300 123 456
      | (?:55|33|81)(?P<mx>[ -])\d{4}(?P=mx)\d{4}                         # MX: 55 1234 5678
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

# What a number in one piece is of, right before it: an order or an article, and nobody's phone.
_OF_THINGS = re.compile(
    r"(?:(?<![a-z])(?:order|invoice|tracking|shipment|parcel|contract|ticket|case|reference|ref|article|item|ean|gtin|sku"
    r"|bestell|rechnungs?|auftrags?|vertrags?|artikel|pedido|fatura|factura|commande|facture)"
    r"|订单|運單|运单|快递单|发票|發票|合同|商品|注文|伝票|請求書|受注|追跡)"
    r"[ ._-]{0,2}(?:no|nr|num|number|nummer|id|n[º°o]|号|號|号码|番号|编号)?[\"':：=#. ]{0,4}$",
    re.IGNORECASE,
)
_LONGEST_WORDS = 40

_PHONE_WORDS = (
    "tel(?:ephone|efone|éfono|efon|éphone|efono)?|phone|mobile|cell(?:phone|ulare)?|celular|móvil|fone|fax|whatsapp|handy"
    "|[Тт]ел(?:ефон)?|โทร|điện thoại|전화|휴대폰|电话|電話|手机|手機|携帯|传真|傳真|ファックス"
)
_NUMBER = r"\+?\(?\d(?:\)?[ .-]?\(?\d){6,14}(?![A-Za-z0-9_])"
_LABELLED = re.compile(
    rf"(?:(?<![A-Za-z])|(?-i:(?<=[a-z])(?=[A-Z])))(?:{_PHONE_WORDS})s?(?:[ _-]?(?:no|number|号码|號碼|番号))?"
    rf"[\"':：=#.\[ ]{{0,6}}({_NUMBER})",
    re.ASCII | re.IGNORECASE,
)
_PHONE_KEY = re.compile(_PHONE_WORDS, re.IGNORECASE)
# A name as narrow as that is asked of numbers: a count, a time or an id has one more word behind it (phone_calls, mobile_id).
_PHONE_FIELD = re.compile(
    r"(?:.*_)?(?:(?:tele|mobile|cell|hand|home|work|office|business|contact|customer|user)?phone|tel|(?:tele)?fone|tel[eé]fono?"
    r"|telefon|mobile|cell|celular|fax|whatsapp|.*(?:电话|電話|手机|手機|携帯|传真|傳真|ファックス)(?:号|号码|號碼|番号)?)s?"
    r"(?:_?(?:number|num|no|nr|e164|home|work|office|mobile|main|primary|other|\d{1,2}))*"
)
_WHOLE_NUMBER = re.compile(rf"\s*({_NUMBER})\s*", re.ASCII)
_LONGEST_WHOLE = 100
_DATE_OR_ADDRESS = re.compile(r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?|\d{1,3}(?:\.\d{1,3}){3}$", re.ASCII)


def find_phones(text: str, key: str = "") -> Iterator[Found]:
    """Phone numbers as E.164, as many countries write them, and any 7 to 15 digits behind a word such as `Tel.`.

    Args:
        text: where to look.
        key: the name of the field that holds the text; a field such as `phone` holds a number in whatever form.
    """
    if key and len(text) < _LONGEST_WHOLE and _PHONE_KEY.search(key) and (whole := _WHOLE_NUMBER.fullmatch(plain(text))):
        yield Found("phone", *whole.span(1), text[slice(*whole.span(1))])
        return
    position = 0
    for before, window in near_digits(text):
        for start, end in _spans(window):
            if before + start >= position:
                position = before + end
                yield Found("phone", before + start, position, text[before + start : position])


def _spans(window: str) -> list[tuple[int, int]]:
    spans = [match.span() for match in _INTERNATIONAL.finditer(window) if _is_international(match[0])]
    spans += [match.span() for match in _NATIONAL.finditer(window) if _is_national(match)]
    spans += [match.span(1) for match in _LABELLED.finditer(window) if not _DATE_OR_ADDRESS.match(match[1])]
    return sorted(spans, key=lambda span: (span[0], -span[1]))


def _is_international(number: str) -> bool:
    digits = re.sub(r"\D", "", number.replace("(0)", ""))
    return 9 <= len(digits) <= 15 and not digits.startswith(("10", "11"))  # no area code of North America begins so


def _is_national(match: re.Match[str]) -> bool:
    digits = sum(map(str.isdigit, match[0]))
    if digits == len(match[0]) and match[0].startswith("0"):
        return _OF_THINGS.search(match.string[max(0, match.start() - _LONGEST_WORDS) : match.start()]) is None
    if (match["trunk"] or match["area"]) and not 10 <= digits <= 12:
        return False
    if match["fr"] and all(int(pair) <= 31 for pair in match["fr"].split()):  # days or months in a row
        return False
    if " " not in match[0]:
        return True
    text, (start, end) = match.string, match.span()  # groups parted by blanks alone, in a row with others: a table or a card
    return not (text[max(0, start - 1) : start] == " " and text[max(0, start - 2) : start - 1].isdigit()) and not (
        text[end : end + 1] == " " and text[end + 1 : end + 2].isdigit()
    )


@lru_cache(maxsize=4_096)
def is_phone_field(key: str) -> bool:
    """Whether a field of this name holds phone numbers and nothing else."""
    return _PHONE_FIELD.fullmatch(field_words(key)) is not None
