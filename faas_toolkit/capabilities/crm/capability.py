"""Answers questions about customers from all sources that the caller may ask."""

from collections.abc import Iterator, Mapping, Sequence

from faas_toolkit.capabilities.crm.plan import FAMILY, Question, plan
from faas_toolkit.capabilities.crm.port import CrmRecord, CrmSource, Found, Strength, cut
from faas_toolkit.capabilities.crm.records import plain, within_budget
from faas_toolkit.core.call import Answer, Call, Scope
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.fan_out import Reply, ask_each, ask_source, none_answered
from faas_toolkit.core.inventory import Entry, Finding, source_finding
from faas_toolkit.core.naming import visible
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.outbound import Outbound
from faas_toolkit.core.untrusted import printable


class CrmCapability:
    """Answers `crm.lookup`.

    Args:
        sources: by the name that the catalog gives them.
        outbound: the outbound chain.
    """

    def __init__(self, *, sources: Mapping[str, CrmSource], outbound: Outbound) -> None:
        self._sources = sources
        self._outbound = outbound
        self._planned: tuple[Call, Question] | None = None
        """What `traits` was asked of last, for the call itself, which follows as a rule."""

    def __call__(self, call: Call) -> Answer:
        """The records of all sources, merged.

        Raises:
            InvalidInput: a question that cannot be meant.
            NotFound: a source that the caller may not ask.
            Unavailable: no source answered (the source's own failure where only one was asked).
        """
        planned, self._planned = self._planned, None
        question = planned[1] if planned is not None and planned[0] is call else plan(call, tuple(self._sources))
        replies = ask_each(question.names, lambda name: self._ask(name, question))
        if all(reply.found is None for reply in replies):
            raise none_answered(replies, "CRM source")
        return _answer(question, replies)

    def traits(self, call: Call) -> Traits:
        """A read, kept while no asked source counts a change, and as long as each one without a counter allows."""
        try:
            question = plan(call, tuple(self._sources))
            self._planned = call, question
            names = question.names
            versions = {name: self._sources[name].version(call.workspace) for name in names}
        except Failure:  # the call itself will say it, in full
            return Traits()
        return Traits(
            version=" ".join(f"{name}={version}" for name, version in sorted(versions.items())),
            fresh_for=min((self._sources[name].fresh_for for name in names if versions[name] is None), default=None),
            local=all(self._sources[name].local for name in names),
        )

    def entries(self, scope: Scope) -> Iterator[Entry]:
        """The sources of this scope."""
        if not scope.grants_operation("crm.read"):
            return
        for name in visible(scope, FAMILY, self._sources):
            yield Entry(
                family=FAMILY,
                name=name,
                kind=self._sources[name].kind,
                use=f"crm_lookup sources={name}",
                description="People, companies, deals, tickets and activities of customers.",
            )

    def findings(self, call: Call) -> Iterator[Finding]:
        """How each source of the scope is doing."""
        if call.scope.grants_operation("crm.read"):
            yield from ask_each(visible(call.scope, FAMILY, self._sources), lambda name: self._finding(name, call))

    def _ask(self, name: str, question: Question) -> Reply[Found]:
        source, lookup = self._sources[name], question.lookup_of(name)

        def send(deadline: Deadline) -> Found:
            return source.find(lookup, deadline)

        return ask_source(name, send, call=question.call, target=source.target, outbound=self._outbound)

    def _finding(self, name: str, call: Call) -> Finding:
        source = self._sources[name]

        def check(deadline: Deadline) -> str:
            told = source.check(call.workspace, deadline)  # it may count all records
            return "it answers; your role opens some of its records" if call.scope.rows_of(name) else told

        return source_finding(f"{FAMILY}:{name}", check, call=call, key=f"{FAMILY}.{name}")


def _answer(question: Question, replies: Sequence[Reply[Found]]) -> Answer:
    answered = {reply.name: reply.found for reply in replies if reply.found is not None}
    merged = _merged(answered, question)[: question.lookup.limit]
    records, too_large = within_budget([plain(record, answered[name].label or name) for name, record in merged])
    total = sum([found.total for found in answered.values()])
    shown = [name for name, _ in merged[: len(records)]]
    offsets = {name: question.offset_of(name) + shown.count(name) for name in answered}
    more = bool(records) and any(offsets[name] < found.total for name, found in answered.items())
    versions = {name: found.version for name, found in answered.items() if found.version is not None}
    notices = (*_down(replies), *_changed(question, versions), *_meaning(question, answered, total), *too_large)
    return Answer(
        variables={
            "records": records,
            "total": total,
            "next_cursor": question.next_cursor(offsets, versions) if more else "",
            "ambiguous": _is_ambiguous(answered),
        },
        source=", ".join(dict.fromkeys(found.label or name for name, found in answered.items())),
        partial=len(answered) < len(replies),
        notices=notices,
    )


def _merged(answered: Mapping[str, Found], question: Question) -> list[tuple[str, CrmRecord]]:
    """Records of all sources, the best first; within a source its own order stands."""
    hidden = {name: question.call.scope.hidden_in(name) for name in answered}
    ranked = [
        (-record.strength, place, name, record) for name, found in answered.items() for place, record in enumerate(found.records)
    ]
    ranked.sort(key=lambda item: item[:2])  # stable: equal ones in the order of the catalog
    return [(name, cut(record, hidden[name])) for _, _, name, record in ranked]


def _is_ambiguous(answered: Mapping[str, Found]) -> bool:
    best = max([found.best for found in answered.values() if found.best is not None], default=None)
    return sum([found.rivals for found in answered.values() if found.best == best]) > 1


def _down(replies: Sequence[Reply[Found]]) -> Iterator[str]:
    for reply in replies:
        if reply.failure is not None:
            yield f"The CRM source {reply.name!r} is missing in this answer: {reply.failure.message}"


def _changed(question: Question, versions: Mapping[str, str]) -> Iterator[str]:
    for name, version in versions.items():
        if question.position.versions.get(name, version) != version:
            yield f"The records of {name!r} changed since the first page; some may be missing or come twice."


def _meaning(question: Question, answered: Mapping[str, Found], total: int) -> Iterator[str]:
    """Why there is nothing, or nothing better."""
    query = question.lookup.query
    shown = f'"{printable(query.text, 80)}"' if query is not None else ""
    if query is not None and total and all(found.best in (Strength.NEAR, None) for found in answered.values()):
        yield f"Nothing matches {shown} exactly; these are the nearest."
    if not total:
        yield from _nothing(question, answered, shown)
    for found in answered.values():
        yield from found.notices


def _nothing(question: Question, answered: Mapping[str, Found], shown: str) -> Iterator[str]:
    where = ", ".join(f"{name} (sample)" if found.label else name for name, found in answered.items())
    removed = sum(found.removed for found in answered.values())
    if not shown:
        yield f"No record fulfils the filters. Asked: {where}."
    elif removed:
        yield f"{removed} records match {shown}, but none of them fulfils the filters. Asked: {where}."
    else:
        yield f"Nothing matches {shown}. Asked: {where}."
    nearest = [name for found in answered.values() for name in found.nearest]
    if nearest:
        yield f"Names that resemble it a little: {', '.join(nearest[:5])}."
