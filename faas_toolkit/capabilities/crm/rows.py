"""Which records a caller may know of. The others are for this caller as though they were not there, on every way to them."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from faas_toolkit.capabilities.crm.fields import ENTITIES, FIELDS, Entity, Field, field_of, parse_id
from faas_toolkit.core.immutable import immutable

type Fields = tuple[tuple[str, tuple[object, ...]], ...]
"""Each field named holds one of its values."""


@immutable
class Rows:
    """By entity, the alternatives of which a record must fulfil one; an entity that is not there is open whole.

    Hashable, since statements are prepared by its `form`.
    """

    cut: tuple[tuple[Entity, tuple[Fields, ...]], ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, tuple[Mapping[str, tuple[object, ...]], ...]]) -> "Rows":
        """From `Scope.rows_of`."""
        return cls(
            tuple(
                (entity, tuple(tuple(sorted(fields.items())) for fields in given[entity]))
                for entity in ENTITIES
                if entity in given
            )
        )

    def __bool__(self) -> bool:
        """Whether any record is closed to the caller."""
        return bool(self.cut)

    def about(self, *entities: Entity) -> "Rows":
        """What it says about these entities."""
        return Rows(tuple(item for item in self.cut if item[0] in entities)) if self.cut else self

    @property
    def form(self) -> "Rows":
        """The same without values; statements are prepared by it."""
        if not self.cut:
            return self
        return Rows(tuple((entity, tuple(tuple((name, ()) for name, _ in each) for each in cut)) for entity, cut in self.cut))

    def alternatives(self, entity: Entity) -> tuple[Fields, ...] | None:
        """None: every record is open."""
        return next((alternatives for name, alternatives in self.cut if name == entity), None)

    def allows(self, entity: Entity, values: Mapping[str, object]) -> bool:
        """Whether a record of these values is open."""
        alternatives = self.alternatives(entity)
        return alternatives is None or any(
            all(_holds(field_of(entity, name), values.get(name), wanted) for name, wanted in fields) for fields in alternatives
        )

    def plain(self) -> dict[str, list[dict[str, list[object]]]]:
        """As JSON says it."""
        return {
            entity: [{name: list(values) for name, values in fields} for fields in alternatives]
            for entity, alternatives in self.cut
        }


EVERY = Rows()
"""All records."""


@lru_cache(maxsize=256)
def closed_links(rows: Rows) -> frozenset[str]:
    """The links, as `entity.field`, that can lead to a record that is closed; nobody may search by the names behind them."""
    links = ((entity, field.name) for entity, fields in FIELDS.items() for field in fields if field.type == "link")
    return frozenset(f"{entity}.{name}" for entity, name in links if any(name == cut for cut, _ in rows.cut))


def comparable(field: Field, value: object) -> object:
    """A form in which equal values are equal: links by id, what any case means in lower case. None: no value of the field.

    Texts are compared exactly: whoever may see what belongs to `ana` may not see what belongs to `Ana`.
    """
    if isinstance(value, Mapping):
        value = value.get("id")
    if field.type in ("money", "number"):
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if field.type == "boolean":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or value == "":
        return None
    if field.type == "link":
        identity = parse_id(str(value))
        return ":".join(identity) if identity is not None and identity[0] == field.name else None
    if field.type == "date":
        return _date(str(value))
    return str(value).lower() if field.type in ("choice", "email", "domain") else str(value)


def _date(text: str) -> str | None:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return None


def _holds(field: Field | None, value: object, wanted: tuple[object, ...]) -> bool:
    if field is None:  # the catalog's check names it; a fault of ours must not widen the answer
        return False
    held = comparable(field, value)
    return held is not None and any(held == comparable(field, each) for each in wanted)
