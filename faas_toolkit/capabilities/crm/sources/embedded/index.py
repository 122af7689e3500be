"""What of a record is indexed, and which field each part of the index gives away."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

from faas_toolkit.capabilities.crm.fields import ENTITIES, Entity
from faas_toolkit.capabilities.crm.query import email_domain, name_key, phone_digits, registrable_domain
from faas_toolkit.core.immutable import immutable
from faas_toolkit.search.analysis import terms, trigrams, words
from faas_toolkit.search.pinyin import readings, syllables
from faas_toolkit.search.text_index import TextIndex

type Kind = Literal["email", "phone", "domain", "name", "alias", "sound"]

WORDS = TextIndex(
    "crm_words_1",
    {"name": 10, "alias": 8, "sound": 6, "contact": 4, "company": 3, "person": 3, "subject": 2, "detail": 1},
)
GRAMS = TextIndex("crm_grams_1", {"name": 1, "alias": 1, "place": 1})
"""Trigrams of names, for those that were typed wrong."""

_ID_BITS = 36
_INDEXED_TEXT_CHARS = 20_000

# A column is searched for an entity only while none of these fields is hidden: better to find too little.
_COLUMN_FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("name",),
    "alias": ("also_known_as",),
    "sound": ("name",),
    "contact": ("email", "domain"),
    "company": ("company",),
    "person": ("person",),
    "subject": ("name",),
    "place": ("city",),
    "detail": ("title", "industry", "city", "country", "stage", "status", "priority", "kind", "text"),
}
_KIND_FIELDS: Mapping[Kind, tuple[str, ...]] = {
    "email": ("email",),
    "phone": ("phone",),
    "domain": ("email", "domain"),
    "name": ("name",),
    "alias": ("also_known_as",),
    "sound": ("name",),
}

# What a company is registered as and people leave out; folded.
_UNSPACED_FORMS = ("股份有限公司", "有限责任公司", "有限公司", "株式会社", "合同会社")
_LEGAL_FORM = re.compile(r"ag|bv|co|corp|corporation|eireli|gmbh|inc|kk|limitada|limited|llc|llp|ltd|ltda|nv|plc|pty|sa|sarl|srl")


TITLED: frozenset[Entity] = frozenset({"deal", "ticket", "activity"})
"""Their `name` says what they are about, in no column of names: who is called Silva stands before what was done with one."""


def document(entity: Entity, number: int) -> int:
    """The number under which a record stands in the indexes."""
    return ENTITIES.index(entity) << _ID_BITS | number


def record_of(document_number: int) -> tuple[Entity, int]:
    """The record behind a number of the indexes."""
    return ENTITIES[document_number >> _ID_BITS], document_number & ((1 << _ID_BITS) - 1)


def documents_of(entities: Iterable[Entity]) -> tuple[int, int]:
    """The first and the last number that records of these entities can have."""
    places = [ENTITIES.index(entity) for entity in entities]
    return min(places) << _ID_BITS, ((max(places) + 1) << _ID_BITS) - 1


@immutable
class Part:
    """Entities for which the same columns of an index are searched."""

    columns: tuple[str, ...]
    within: tuple[int, int]
    """The first and the last number that their records can have; records of others may stand between."""


@lru_cache(maxsize=1_024)
def parts_of(entities: tuple[Entity, ...], columns: tuple[str, ...], hidden: frozenset[str]) -> tuple[Part, ...]:
    """What is searched for these entities in those of the columns that may be searched for them."""
    groups: dict[tuple[str, ...], list[Entity]] = {}
    for entity in entities:
        visible = tuple(column for column in columns if not _hides(entity, _COLUMN_FIELDS[column], hidden))
        groups.setdefault(visible, []).append(entity)
    return tuple(Part(visible, documents_of(grouped)) for visible, grouped in groups.items())


@lru_cache(maxsize=1_024)
def searchable_by(kind: Kind, entities: tuple[Entity, ...], hidden: frozenset[str]) -> frozenset[Entity]:
    """Those of the entities whose records may be found by this kind of key."""
    return frozenset(entity for entity in entities if visible_kind(kind, entity, hidden))


def visible_kind(kind: Kind, entity: Entity, hidden: frozenset[str]) -> bool:
    """Whether records of this entity may be found by this kind of key."""
    return not _hides(entity, _KIND_FIELDS[kind], hidden)


def _hides(entity: Entity, fields: Iterable[str], hidden: frozenset[str]) -> bool:
    # Whoever may not see a linked record's name may not search by it either.
    return any(f"{entity}.{field}" in hidden or (field in ENTITIES and f"{field}.name" in hidden) for field in fields)


def keys_of(entity: Entity, values: Mapping[str, object]) -> set[tuple[Kind, str]]:
    """The keys that a record is found by exactly."""
    keys: set[tuple[Kind, str]] = set()
    name, alias, email, phone, domain = (str(values.get(f) or "") for f in ("name", "also_known_as", "email", "phone", "domain"))
    if entity == "activity":
        return keys
    keys |= {("name", key) for key in _name_forms(entity, name)}
    keys |= {("alias", key) for key in _name_forms(entity, alias)}
    keys |= {("sound", "".join(reading)) for form in {name, _without_legal_form(name)} for reading in readings(form)}
    keys.add(("email", email.lower()))
    keys.add(("domain", registrable_domain(domain) if domain else email_domain(email)))
    keys.add(("phone", phone_digits(phone)[::-1]))
    return {(kind, value[:320]) for kind, value in keys if value}


def words_of(entity: Entity, values: Mapping[str, object], company: str, person: str) -> dict[str, list[str]]:
    """The terms of a record by column; `company` and `person` are the names it links to."""
    name = str(values.get("name") or "")
    detail = " ".join(str(values[field]) for field in _COLUMN_FIELDS["detail"] if values.get(field))
    name, subject = ("", name) if entity in TITLED else (name, "")
    return {
        "name": terms(name),
        "subject": terms(subject),
        "alias": terms(str(values.get("also_known_as") or "")),
        "sound": _sounds(name),
        "contact": terms(" ".join(str(values[field]) for field in _COLUMN_FIELDS["contact"] if values.get(field))),
        "company": [*terms(company), *_sounds(company)],
        "person": [*terms(person), *_sounds(person)],
        "detail": terms(detail[:_INDEXED_TEXT_CHARS]),
    }


def grams_of(entity: Entity, values: Mapping[str, object]) -> dict[str, list[str]]:
    """The trigrams of a record's names and of how they sound."""
    if entity in TITLED:
        return {}
    name = str(values.get("name") or "")
    return {
        "name": trigrams(" ".join([name, *dict.fromkeys(_sounds(name))])),
        "alias": trigrams(str(values.get("also_known_as") or "")),
        "place": trigrams(str(values.get("city") or "")),
    }


def _sounds(name: str) -> list[str]:
    """Syllables, the given name in one, and the whole in one: however pinyin is spaced, its words are found."""
    found: list[str] = []
    for form in dict.fromkeys((name, _without_legal_form(name))):
        for reading in readings(form):
            found += [*reading, "".join(reading[1:]), "".join(reading)]
    return [sound for sound in dict.fromkeys(found) if sound] if syllables(name) else []


def _name_forms(entity: Entity, name: str) -> set[str]:
    forms = {name_key(name)}
    if entity == "company":
        forms.add(name_key(_without_legal_form(name)))
    return forms


def _without_legal_form(name: str) -> str:
    parts = words(name)
    while len(parts) > 1 and _LEGAL_FORM.fullmatch(parts[-1]):
        parts.pop()
    joined = " ".join(parts)
    for form in _UNSPACED_FORMS:
        joined = joined.removesuffix(form).removeprefix(form)
    return joined.strip() or name
