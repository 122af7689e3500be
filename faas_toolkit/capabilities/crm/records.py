"""Records as the plain values of the variable `records`, and within their size."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import TypeAdapter

from faas_toolkit.capabilities.crm.fields import RELATED_ENTITY
from faas_toolkit.capabilities.crm.port import MATCHES, CrmRecord
from faas_toolkit.core.untrusted import cut_short

MAX_BYTES = 900_000
"""One variable may have 1 MB (tools.md §4); masks and what a function adds may still make it a little larger."""

type Plain = dict[str, Any]

_JSON: TypeAdapter[Any] = TypeAdapter(Any)


def plain(record: CrmRecord, source: str) -> Plain:
    """The record with its related records under the relation's name, and their counts under `related`."""
    values: Plain = {"id": record.id, "entity": record.entity, **record.values}
    counts: dict[str, Plain] = {}
    for relation, related in record.related.items():
        given = [{"id": each.id, **each.values} for each in related.records]
        if relation == RELATED_ENTITY[relation]:  # there is one company only: it takes the place of the link to it
            values.update({relation: given[0]} if given else {})
            continue
        counts[relation] = {"total": related.total}
        if related.open is not None:
            counts[relation]["open"] = related.open
        if given:
            values[relation] = given
            counts[relation]["more"] = related.total > len(given)
    if counts:
        values["related"] = counts
    if record.strength in MATCHES:
        values["match"] = MATCHES[record.strength]
    if record.url:
        values["url"] = record.url
    return {**values, "source": source}


def within_budget(records: Sequence[Plain], max_bytes: int = MAX_BYTES) -> tuple[list[Plain], tuple[str, ...]]:
    """As many of the records as fit, smaller where needed, and a sentence for each thing that was left out."""
    kept = list(records)
    notices: list[str] = []
    for shrink, notice in _STEPS:
        if _surely_fits(kept, max_bytes) or _size(kept) <= max_bytes:
            return kept, tuple(notices)
        kept = [shrink(record) for record in kept]
        notices.append(notice)
    while len(kept) > 1 and _size(kept) > max_bytes:
        kept = kept[: max(1, min(len(kept) - 1, len(kept) * max_bytes // _size(kept)))]
    if len(kept) < len(records):
        notices.append(f"{len(records) - len(kept)} records of this page did not fit; next_cursor goes on with them.")
    return kept, tuple(notices)


def _surely_fits(records: Sequence[Plain], max_bytes: int) -> bool:
    """Told sooner than the size itself, for the usual few: no character is more than three times as long when it is escaped."""
    try:
        return 3 * len(_JSON.serializer.to_json(records)) <= max_bytes
    except ValueError:  # a half of a character
        return False


def _size(records: Sequence[Plain]) -> int:
    # As ASCII: whoever carries the variable may escape every other character, six bytes for two or three.
    return len(json.dumps(records))


def _cut_texts(most: int) -> Callable[[Plain], Plain]:
    def cut(value: Any) -> Any:  # noqa: ANN401 - any JSON value
        if isinstance(value, str):
            return cut_short(value, most + 1)
        if isinstance(value, dict):
            return {name: cut(inner) for name, inner in value.items()}
        return [cut(inner) for inner in value] if isinstance(value, list) else value

    return lambda record: {name: cut(value) for name, value in record.items()}


def _cut_related(most: int) -> Callable[[Plain], Plain]:
    def cut(record: Plain) -> Plain:
        shrunk = dict(record)
        for relation, counts in record.get("related", {}).items():
            given = record.get(relation, [])
            if len(given) > most:
                shrunk[relation] = given[:most]
                shrunk["related"] = {**shrunk["related"], relation: {**counts, "more": True}}
        return shrunk

    return cut


_STEPS: tuple[tuple[Callable[[Plain], Plain], str], ...] = (
    (_cut_texts(500), "The answer was too large: texts were cut to 500 characters."),
    (_cut_related(3), "The answer was too large: lists of related records were cut to 3; ask for them with entity and filters."),
    (_cut_related(0), "The answer was too large: related records were left out; ask for them with entity and filters."),
    (_cut_texts(100), "The answer was too large: texts were cut to 100 characters."),
)
