"""What no section can check alone: names that must exist elsewhere in the document.

Works on the plain values, not on the typed catalog, so that these findings come together with all others.
"""

import fnmatch
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from faas_toolkit.capabilities.crm.fields import FIELDS, Field
from faas_toolkit.capabilities.crm.rows import comparable
from faas_toolkit.catalog.findings import FoundAt, Path
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.untrusted import nearest, printable
from faas_toolkit.pipeline.config import CALLER_WORDS

_COMPARED = 1_000
"""Names among which the nearest is looked for."""

_FAMILIES = {
    "functions": ("function.call", "functions"),
    "crm": ("crm.read", "crm.sources"),
    "knowledge": ("knowledge.read", "knowledge"),
}


def cross_check(sections: Mapping[str, object], operations: Collection[str]) -> Iterator[FoundAt]:
    """Findings over the whole document; what has the wrong type is left to the types."""
    functions = _mapping(sections.get("functions"))
    yield from _operations(_mapping(sections.get("operations")), operations, functions)
    pools = _mapping(_mapping(sections.get("models")).get("pools"))
    roles = _mapping(sections.get("roles"))
    yield from _roles_differ(roles)
    for name, role in roles.items():
        crm = _mapping(_mapping(role).get("crm"))
        yield from _names(("roles", name, "functions"), _mapping(role).get("functions"), functions, "function")
        yield from _names(("roles", name, "models"), _mapping(role).get("models"), pools, "pool of models")
        yield from _names(("roles", name, "crm", "sources"), crm.get("sources"), _mapping(sections.get("crm")), "CRM source")
        bases = _mapping(sections.get("knowledge"))
        yield from _names(("roles", name, "knowledge"), _mapping(role).get("knowledge"), bases, "knowledge base")
        yield from _hidden(("roles", name, "crm", "hide"), crm.get("hide"))
        yield from _rows(("roles", name, "crm", "rows"), _mapping(crm.get("rows")))
        yield from _granted_nothing(name, _mapping(role))
        yield from _masked_nothing(name, _mapping(_mapping(role).get("mask")), _mapping(sections.get("review")).get("detect"))
    serving = _serving(sections)
    yield from _unreachable({name: each for name, each in functions.items() if name not in serving}, roles)
    yield from _functions_as_models(pools, functions)
    yield from _without_price(pools, sections.get("limits"))
    for family in ("crm", "knowledge"):
        for name, source in _mapping(sections.get(family)).items():
            named = _mapping(source).get("function")
            if isinstance(named, str):
                yield from _exists((family, name, "function"), named, functions, "function")


def _functions_as_models(pools: Mapping[str, object], functions: Mapping[str, object]) -> Iterator[FoundAt]:
    for name, pool in pools.items():
        deployments = _mapping(pool).get("deployments")
        for index, deployment in enumerate(deployments if isinstance(deployments, list) else ()):
            named = _mapping(deployment).get("function")
            if isinstance(named, str):
                yield from _exists(("models", "pools", name, "deployments", index, "function"), named, functions, "function")


def _without_price(pools: Mapping[str, object], quotas: object) -> Iterator[FoundAt]:
    """Deployments whose cost a limit is meant to count, but nobody can know before they are asked."""
    quoted = _currencies(quotas)
    for name, pool in pools.items():
        deployments = _mapping(pool).get("deployments")
        for index, deployment in enumerate(map(_mapping, deployments if isinstance(deployments, list) else ())):
            priced = _mapping(deployment.get("price")).get("currency")
            for currency in sorted((quoted | _currencies(deployment.get("limits"))) - {priced}):
                yield FoundAt(
                    ("models", "pools", name, "deployments", index),
                    f"a limit counts cost in {printable(currency)}, and this deployment has no price in it, so it counts as 0.",
                    f"Write e.g. `price: {{currency: {printable(currency)}, per: 1M tokens, input: 2, output: 3}}`.",
                    "warning",
                )


def _currencies(limits: object) -> set[str]:
    lines = map(_mapping, limits if isinstance(limits, list) else ())
    return {currency for line in lines if isinstance(currency := line.get("currency"), str)}


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _texts(value: object) -> list[tuple[int, str]]:
    return [(index, item) for index, item in enumerate(value) if isinstance(item, str)] if isinstance(value, list) else []


def _exists(path: Path, name: str, names: Collection[str], what: str, *, at_key: bool = False) -> Iterator[FoundAt]:
    if name not in names:
        close = nearest(name, islice(names, _COMPARED))
        known = f"Did you mean {close}?" if close else _known(names, what)
        yield FoundAt(path, f"there is no {what} {printable(name)}.", known, at_key=at_key)


def _known(names: Collection[str], what: str) -> str:
    if not names:
        return f"The catalog has no {what} yet."
    shown = ", ".join(printable(name) for name in sorted(names)[:12])
    return f"There {'are' if len(names) > 1 else 'is'} {shown}{', …' if len(names) > 12 else ''}."


def _operations(
    declared: Mapping[str, object], operations: Collection[str], functions: Mapping[str, object]
) -> Iterator[FoundAt]:
    for name, hooks in declared.items():
        yield from _exists(("operations", name), name, operations, "operation", at_key=True)
        for place in ("before", "after"):
            function = _mapping(hooks).get(place)
            if isinstance(function, str):
                yield from _exists(("operations", name, place), function, functions, "function")


def _roles_differ(roles: Mapping[str, object]) -> Iterator[FoundAt]:
    seen: dict[str, str] = {}
    for name in roles:
        first = seen.setdefault(name.casefold(), name)
        if first != name:
            yield FoundAt(("roles", name), f"it differs from the role {printable(first)} only in case.", "Keep one.", at_key=True)


def _names(path: Path, patterns: object, names: Mapping[str, object], what: str) -> Iterator[FoundAt]:
    for index, pattern in _texts(patterns):
        is_glob = any(character in pattern for character in "*?[")
        if not is_glob:
            yield from _exists((*path, index), pattern, names, what)
        elif pattern != "*" and not fnmatch.filter(names, pattern):
            yield FoundAt((*path, index), f"no {what} matches {printable(pattern)}.", _known(names, what), "warning")


def _hidden(path: Path, fields: object) -> Iterator[FoundAt]:
    known = [f"{entity}.{field.name}" for entity, its in FIELDS.items() for field in its]
    for index, name in _texts(fields):
        entity, _, field = name.partition(".")
        if entity in FIELDS and field.isidentifier() and name not in known:
            close = nearest(name, known)
            its = ", ".join(each.removeprefix(f"{entity}.") for each in known if each.startswith(f"{entity}."))
            meant = f"Did you mean {close}?" if close else f"A {entity} has {its}."
            yield FoundAt((*path, index), f"there is no field {printable(name)}, so nothing would be hidden.", meant)


def _rows(path: Path, rows: Mapping[str, object]) -> Iterator[FoundAt]:
    for entity, its in FIELDS.items():
        known = {field.name: field for field in its}
        for name, written in _mapping(rows.get(entity)).items():
            if name in known:
                yield from _row_values((*path, entity, name), known[name], written)
            else:
                close = nearest(name, known)
                meant = f"Did you mean {close}?" if close else f"There are {', '.join(known)}."
                yield FoundAt((*path, entity, name), f"{printable(name)} is no field of entity {entity}.", meant, at_key=True)


def _row_values(path: Path, known: Field, written: object) -> Iterator[FoundAt]:
    for value in written if isinstance(written, list) else [written]:
        if value not in CALLER_WORDS and isinstance(value, (str, int, float)) and comparable(known, value) is None:
            right = {"link": f"an id such as {known.name}:42", "boolean": "true or false", "date": "a date such as 2026-12-31"}
            taught = f"Write {right.get(known.type, 'a number' if known.type in ('money', 'number') else 'a text')}."
            yield FoundAt(path, f"{printable(value)} is no value of {known.name}, so no record would be seen.", taught)


def _masked_nothing(name: str, masks: Mapping[str, object], detect: object) -> Iterator[FoundAt]:
    detected = [text for _, text in _texts(detect)]
    for detector, shown_as in masks.items():
        if detector in DETECTORS and shown_as in ("partial", "token", "drop") and detector not in detected:
            path = ("roles", name, "mask", detector)
            yield FoundAt(
                path,
                f"nothing would be masked: review.detect does not name {detector}.",
                f"Write `review: {{detect: [{', '.join([*detected, detector])}]}}`.",
            )


def _serving(sections: Mapping[str, object]) -> set[str]:
    """Functions that serve a source or stand around an operation: nobody has to be able to call them."""
    named = [
        _mapping(source).get("function") for family in ("crm", "knowledge") for source in _mapping(sections.get(family)).values()
    ]
    for around in map(_mapping, _mapping(sections.get("operations")).values()):
        named += [around.get("before"), around.get("after")]
    return {name for name in named if isinstance(name, str)}


def _unreachable(functions: Mapping[str, object], roles: Mapping[str, object]) -> Iterator[FoundAt]:
    """Functions that nobody may call, which is what comes of adding `functions` and forgetting `roles`."""
    for role in map(_mapping, roles.values()):
        allow = [text for _, text in _texts(role.get("allow"))]
        granted = [text for _, text in _texts(role.get("functions"))] or (["*"] if "*" in allow else [])
        if _held("function.call", allow) and any(fnmatch.filter(functions, pattern) for pattern in granted):
            return
    if functions:
        shown = ", ".join(printable(name) for name in sorted(functions)[:3])
        yield FoundAt(
            ("functions",),
            "no role may call any of these functions.",
            f"Write e.g. `roles: {{member: {{allow: [crm.read, function.call], crm: {{sources: ['*']}}, "
            f"functions: [{shown}]}}}}`.",
            "warning",
        )


def _held(grant: str, allow: Collection[str]) -> bool:
    return any(fnmatch.fnmatchcase(grant, held) for held in allow)


def _granted_nothing(name: str, role: Mapping[str, object]) -> Iterator[FoundAt]:
    allow = [text for _, text in _texts(role.get("allow"))]
    if "*" in allow:
        return
    listed = {
        "functions": role.get("functions"),
        "crm": _mapping(role.get("crm")).get("sources"),
        "knowledge": role.get("knowledge"),
    }
    for family, (grant, key) in _FAMILIES.items():
        if _held(grant, allow) and listed[family] is None:
            path: Path = ("roles", name, *key.split("."))
            yield FoundAt(
                path, f"{grant} is allowed and nothing is named, so nothing can be used.", '["*"] names all.', "warning"
            )
