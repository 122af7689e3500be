"""What is known about a customer: entities, their fields, and how they hang together. Free of vendors.

A source maps its own names to these; filters, hidden fields, answers and texts all speak them.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal, get_args

from faas_toolkit.core.immutable import immutable

Entity = Literal["person", "company", "deal", "ticket", "activity"]
ENTITIES: tuple[Entity, ...] = get_args(Entity)

FieldType = Literal["text", "choice", "email", "phone", "domain", "link", "money", "number", "date", "boolean"]
"""`choice` is a text of a small set, in lower case; `link` names another record; `money` is in units of the currency;
`date` is ISO (YYYY-MM-DD)."""

Relation = Literal["company", "people", "deals", "tickets", "activities"]
RELATIONS: tuple[Relation, ...] = get_args(Relation)

RELATED_ENTITY: Mapping[Relation, Entity] = {
    "company": "company",
    "people": "person",
    "deals": "deal",
    "tickets": "ticket",
    "activities": "activity",
}


@immutable
class Field:
    """One field of an entity."""

    name: str
    type: FieldType


_OWNED = (Field("owner", "text"),)

FIELDS: Mapping[Entity, tuple[Field, ...]] = {
    "person": (
        Field("name", "text"),
        Field("also_known_as", "text"),
        Field("title", "text"),
        Field("company", "link"),
        Field("email", "email"),
        Field("phone", "phone"),
        Field("city", "text"),
        Field("country", "text"),
        *_OWNED,
        Field("created", "date"),
    ),
    "company": (
        Field("name", "text"),
        Field("also_known_as", "text"),
        Field("industry", "text"),
        Field("domain", "domain"),
        Field("phone", "phone"),
        Field("city", "text"),
        Field("country", "text"),
        Field("employees", "number"),
        *_OWNED,
        Field("created", "date"),
    ),
    "deal": (
        Field("name", "text"),
        Field("stage", "choice"),
        Field("open", "boolean"),
        Field("amount", "money"),
        Field("currency", "choice"),
        Field("close_date", "date"),
        Field("company", "link"),
        Field("person", "link"),
        *_OWNED,
        Field("created", "date"),
    ),
    "ticket": (
        Field("name", "text"),
        Field("status", "choice"),
        Field("open", "boolean"),
        Field("priority", "choice"),
        Field("company", "link"),
        Field("person", "link"),
        *_OWNED,
        Field("created", "date"),
        Field("closed", "date"),
    ),
    "activity": (
        Field("kind", "choice"),
        Field("name", "text"),
        Field("date", "date"),
        Field("text", "text"),
        Field("company", "link"),
        Field("person", "link"),
        Field("deal", "link"),
        Field("ticket", "link"),
        *_OWNED,
    ),
}

RELATED: Mapping[Entity, tuple[Relation, ...]] = {
    "person": ("company", "deals", "tickets", "activities"),
    "company": ("people", "deals", "tickets", "activities"),
    "deal": ("company", "people", "activities"),
    "ticket": ("company", "people", "activities"),
    "activity": ("company", "people", "deals", "tickets"),
}
"""What can be given along with a record of each entity."""


def field_of(entity: Entity, name: str) -> Field | None:
    """The field of that name, if the entity has one."""
    return next((field for field in FIELDS[entity] if field.name == name), None)


@lru_cache(maxsize=256)
def visible_fields(entity: Entity, hidden: frozenset[str]) -> tuple[Field, ...]:
    """The fields of an entity without the hidden ones (`entity.field`)."""
    return tuple(field for field in FIELDS[entity] if f"{entity}.{field.name}" not in hidden)


def parse_id(text: str) -> tuple[Entity, str] | None:
    """`person:42` as `("person", "42")`; None for anything else."""
    entity, colon, key = text.partition(":")
    entity = entity.strip().lower()
    if not colon or entity not in ENTITIES or not key.strip():
        return None
    return entity, key.strip()
