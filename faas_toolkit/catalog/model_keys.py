"""Which keys a place of the catalog takes, read from the types: for the nearest name of a key that is wrong."""

from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, TypeAliasType, Union, get_args, get_origin

from pydantic import BaseModel

from faas_toolkit.catalog.findings import Path


def keys_at(model: type[BaseModel], path: Path, document: object) -> tuple[str, ...]:
    """The keys that the section at this path takes; empty where any name may stand, or nothing is known.

    Where the document itself says which of several types is meant, as `platform: http` does, only that one counts.
    """
    fields = [item for place in _places(model, path, document) for item in place.model_fields.items()]
    keys = [field.alias or name for name, field in fields]
    return tuple(dict.fromkeys(keys))


def choices_at(model: type[BaseModel], path: Path, key: str) -> tuple[str, ...]:
    """The words that may stand at a key of the section at this path."""
    fields = [place.model_fields[key].annotation for place in _places(model, path, None) if key in place.model_fields]
    return tuple(str(word) for field in fields for literal in _alternatives(field) for word in get_args(literal))


def _places(model: type[BaseModel], path: Path, document: object) -> list[type[BaseModel]]:
    places: list[Any] = [model]
    for part in path:
        places = _meant([inner for place in places for inner in _inside(place, part)], document := _item(document, part))
    return [place for place in places if _is_model(place)]


def _item(value: Any, part: str | int) -> object:  # noqa: ANN401 - any value of a document
    if isinstance(value, Mapping):
        return value.get(part)
    return value[part] if isinstance(value, list) and isinstance(part, int) and part < len(value) else None


def _meant(places: list[Any], value: object) -> list[Any]:
    if len(places) < 2 or not isinstance(value, Mapping):
        return places
    return [place for place in places if _is_model(place) and _is_tagged(place, value)] or places


def _is_tagged(place: type[BaseModel], value: Mapping[str, object]) -> bool:
    return any(value.get(name) in get_args(field.annotation) for name, field in place.model_fields.items() if field.is_required())


def _inside(place: Any, part: str | int) -> list[Any]:  # noqa: ANN401 - an annotation
    if _is_model(place):
        field = place.model_fields.get(part)
        return _alternatives(field.annotation) if field is not None else []
    arguments = get_args(place)
    if get_origin(place) in (dict, Mapping) and len(arguments) == 2:
        return _alternatives(arguments[1])
    if get_origin(place) in (tuple, list) and arguments and isinstance(part, int):
        return _alternatives(arguments[0])
    return []


def _alternatives(annotation: Any) -> list[Any]:  # noqa: ANN401 - an annotation
    """The types that may stand where the annotation stands, without names, notes and unions around them."""
    if isinstance(annotation, TypeAliasType):
        return _alternatives(annotation.__value__)
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for option in get_args(annotation) for inner in _alternatives(option)]
    return [annotation]


def _is_model(place: Any) -> bool:  # noqa: ANN401 - an annotation
    return isinstance(place, type) and issubclass(place, BaseModel)
