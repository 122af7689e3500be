"""The detectors by the name that the catalog uses."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

from faas_toolkit.core.detectors.bank import find_bank_cards, find_ibans, is_card_field
from faas_toolkit.core.detectors.credential import find_credentials
from faas_toolkit.core.detectors.email import find_emails
from faas_toolkit.core.detectors.identity_number import find_cn_ids, find_my_numbers, find_us_ssns, is_identity_field
from faas_toolkit.core.detectors.phone import find_phones, is_phone_field
from faas_toolkit.core.detectors.text import Found

DETECTORS: Mapping[str, Callable[[str, str], Iterator[Found]]] = {
    "secret": find_credentials,
    "iban": find_ibans,
    "bank_card": find_bank_cards,
    "cn_id": find_cn_ids,
    "jp_my_number": find_my_numbers,
    "us_ssn": find_us_ssns,
    "email": find_emails,
    "phone": find_phones,
}
"""Each takes a text and the name of its field, if it has one. The surest first: of two that find the same, it stands."""

NUMERIC = frozenset({"bank_card", "cn_id", "jp_my_number", "us_ssn", "phone"})
"""Those that find nothing in a text without seven digits close together (`core.detectors.text.DIGITS_TOGETHER`)."""


@lru_cache(maxsize=4_096)
def holds_number(detector: str, key: str) -> bool:
    """Whether a number, which is no text, is looked at by the detector; only where the name of its field leaves no doubt.

    In a text, signs and words tell a phone number from an id, an amount or a time; a number has only its field's name.
    """
    if detector == "phone":
        return is_phone_field(key)
    return is_card_field(key) if detector == "bank_card" else is_identity_field(detector, key)
