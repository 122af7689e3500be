"""What a caller typed, as the keys it may be: an id, an e-mail address, a phone number, a domain, or words."""

import re
from collections.abc import Sequence
from functools import cached_property

from faas_toolkit.capabilities.crm.fields import Entity, parse_id
from faas_toolkit.core.immutable import immutable
from faas_toolkit.search.analysis import fold, is_unspaced, required_terms, terms, words

_EMAIL = re.compile(r"[\w.+'-]{1,64}@(?:[\w-]{1,63}\.){1,8}\w{2,24}")
_PHONE = re.compile(r"\+?[\d\s().\-/]{6,40}")
_DOMAIN = re.compile(r"(?:https?://)?((?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24})\.?(?:[/?#:]\S*)?")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}")
_IDS = re.compile(r"(?:person|company|deal|ticket|activity)\s?:\s?[\w.@-]{1,100}", re.IGNORECASE)

# Second levels that registries hand out under a country's domain, so that the name people register is one label further left.
_REGISTRY_LABELS = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gouv", "ltd", "mil", "ne", "net", "or", "org", "plc"}
)

SHORTEST_PHONE = 6
"""Digits; fewer match too many numbers."""


@immutable(slots=False)
class Query:
    """A normalised query; what it may be is worked out once, on first use."""

    text: str

    @cached_property
    def ids(self) -> tuple[tuple[Entity, str], ...]:
        """The ids, where the query is nothing but ids: `person:42, company:7`."""
        if _IDS.sub("", self.text).strip(" ,;"):
            return ()
        found = (parse_id(re.sub(r"\s?:\s?", ":", match)) for match in _IDS.findall(self.text))
        return tuple(dict.fromkeys(item for item in found if item is not None))

    @cached_property
    def emails(self) -> tuple[str, ...]:
        """Every e-mail address in the query, in lower case."""
        return tuple(dict.fromkeys(match.lower() for match in _EMAIL.findall(self.text))) if "@" in self.text else ()

    @cached_property
    def phone(self) -> str:
        """The digits, where the whole query is a phone number; else empty."""
        text = fold(self.text).strip()
        digits = phone_digits(text)
        if len(digits) < SHORTEST_PHONE or not _PHONE.fullmatch(text) or _DATE.fullmatch(text):
            return ""
        return digits

    @cached_property
    def domain(self) -> str:
        """The registrable domain, where the whole query is a domain or a web address; else empty."""
        match = _DOMAIN.fullmatch(self.text.strip().lower())
        return registrable_domain(match[1]) if match else ""

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The folded words."""
        return tuple(words(self.text))

    @cached_property
    def required(self) -> tuple[str, ...]:
        """The terms that a record must hold to contain the whole query."""
        return tuple(required_terms(self.text))

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """All terms of the query."""
        return tuple(dict.fromkeys(terms(self.text)))


def phone_digits(text: str) -> str:
    """The digits of a phone number, an extension cut off: `+86 138-0000 (1234)` as `8613800001234`."""
    return re.sub(r"\D", "", re.split(r"(?i)ext|#|x", text, maxsplit=1)[0])


def same_phone(left: str, right: str) -> bool:
    """Whether two digit strings can be one number, one of them without country code or with a trunk zero."""
    shorter, longer = sorted((left.lstrip("0"), right.lstrip("0")), key=len)
    return len(shorter) >= SHORTEST_PHONE and longer.endswith(shorter)


def registrable_domain(host: str) -> str:
    """The part of a host name that somebody registered: `mail.acme.com.br` as `acme.com.br`."""
    labels = host.lower().strip(".").split(".")
    count = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _REGISTRY_LABELS else 2
    return ".".join(labels[-count:])


def email_domain(email: str) -> str:
    """The registrable domain of an e-mail address; empty where it is none."""
    host = email.partition("@")[2]
    return registrable_domain(host) if "." in host else ""


def name_key(name: str) -> str:
    """A form in which names compare equal in any order of their parts: sorted words, or joined where no spaces are written."""
    return _key_of(words(name))


def _key_of(parts: Sequence[str]) -> str:
    return "".join(parts) if parts and all(map(is_unspaced, parts)) else " ".join(sorted(parts))


def name_keys_of_query(query: Query) -> tuple[str, ...]:
    """The keys that a typed name may have; for scripts without spaces also with the parts exchanged: `伟 张`."""
    parts = query.words
    if len(parts) == 2 and all(map(is_unspaced, parts)):
        return ("".join(parts), "".join(reversed(parts)))
    key = _key_of(parts)
    return (key,) if key else ()


def sounds_of_query(query: Query) -> tuple[str, ...]:
    """The ways in which Latin words may spell a Chinese name: as typed, and with the last or the first word as surname."""
    from faas_toolkit.search.pinyin import sound

    parts = [sound(word) for word in query.words]
    if not parts or len(parts) > 5 or not all(part.isascii() and part for part in parts):
        return ()
    orders = (parts, [parts[-1], *parts[:-1]], [*parts[1:], parts[0]])
    return tuple(dict.fromkeys("".join(order) for order in orders))
