"""A call's arguments as a question: what is looked for, where, from which record on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from faas_toolkit.capabilities.crm.cursor import Position, open_cursor, seal
from faas_toolkit.capabilities.crm.fields import ENTITIES, Entity, Relation
from faas_toolkit.capabilities.crm.filters import Condition, parse_filters
from faas_toolkit.capabilities.crm.port import Lookup
from faas_toolkit.capabilities.crm.query import Query
from faas_toolkit.capabilities.crm.rows import Rows
from faas_toolkit.core.call import Call, Scope
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.naming import chosen

FAMILY = "crm"


@immutable
class Question:
    """One page of one question to some sources."""

    call: Call
    names: tuple[str, ...]
    """The sources, in the order of the catalog."""
    lookup: Lookup
    """For every source alike but for its offset, its hidden fields and its open records."""
    position: Position

    def offset_of(self, name: str) -> int:
        """How many of this source's records were on earlier pages."""
        return self.position.offsets.get(name, 0)

    def lookup_of(self, name: str) -> Lookup:
        """What this source is asked."""
        scope = self.call.scope
        return replace(self.lookup, offset=self.offset_of(name), hidden=scope.hidden_in(name), rows=Rows.of(scope.rows_of(name)))

    def next_cursor(self, offsets: Mapping[str, int], versions: Mapping[str, str]) -> str:
        """The cursor of the page after this one."""
        position = Position({**self.position.offsets, **offsets}, {**versions, **self.position.versions})
        return seal(position, _identity(self.call, self.names), self.call.workspace.key)


def plan(call: Call, names: Sequence[str]) -> Question:
    """The question of a validated call; `names` are all sources of the catalog.

    Raises:
        InvalidInput: nothing is asked for, a filter makes no sense, the cursor is of another question.
        NotFound: a source that does not exist or is not open to the caller.
    """
    arguments = call.arguments
    asked_of = cast("tuple[str, ...]", arguments["sources"])
    sources = chosen(call.scope, FAMILY, names, asked_of, what="CRM source", key="crm.sources")
    text = str(arguments["query"] or "")
    filters = cast("Mapping[str, object]", arguments["filters"] or {})
    if not text and not filters:
        raise InvalidInput(
            "Give a query, or filters to list by, or both; both are empty.",
            hint='Examples: query=maria.silva@acme.example; query=Acme, entity=company; entity=deal, filters={"open": true}.',
        )
    asked: tuple[Entity, ...] = ENTITIES if arguments["entity"] == "any" else (cast("Entity", arguments["entity"]),)
    hidden = frozenset[str]().union(*map(call.scope.hidden_in, sources))  # by what one source hides, none is filtered
    conditions, entities = parse_filters(filters, asked, hidden)
    lookup = Lookup(
        call=call,
        query=Query(text) if text else None,
        entities=entities,
        conditions=tuple(_with_owner(condition, call.scope) for condition in conditions),
        include=frozenset(cast("Iterable[Relation]", arguments["include"])),
        hidden=hidden,
        limit=cast("int", arguments["limit"]),
    )
    cursor = arguments["cursor"]
    start = Position({}, {})
    position = open_cursor(str(cursor), _identity(call, sources), call.workspace.key) if cursor else start
    return Question(call, sources, lookup, position)


def _identity(call: Call, names: Sequence[str]) -> object:
    """What a cursor belongs to. The page's size and what comes along may differ from page to page."""
    return [call.workspace.id, call.operation.name, names, *(call.arguments[name] for name in ("query", "entity", "filters"))]


def _with_owner(condition: Condition, scope: Scope) -> Condition:
    """`me` as an owner is who the caller proved to be."""
    if condition.field != "owner" or condition.value != "me":
        return condition
    if scope.owner is None:
        raise InvalidInput(
            'Filtering by the owner "me" needs an identity token that says who asks.',
            hint='Set identity_token, or name the owner, e.g. {"owner": "ana.souza"}.',
        )
    return replace(condition, value=scope.owner)
