"""Answers questions from all knowledge bases that the caller may ask."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from faas_toolkit.capabilities.knowledge.bases import FAMILY, Bases
from faas_toolkit.capabilities.knowledge.citations import as_citations, as_context
from faas_toolkit.capabilities.knowledge.filters import Condition, parse_filters, require_known
from faas_toolkit.capabilities.knowledge.port import Found, KnowledgeStore, Mode, Passage, Question
from faas_toolkit.core.call import Answer, Call, Scope
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.fan_out import Reply, ask_each, ask_source, none_answered
from faas_toolkit.core.inventory import Entry, Finding, source_finding
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.outbound import Outbound
from faas_toolkit.core.untrusted import cut_short, printable
from faas_toolkit.search.fusion import fuse

_HEADER_CHARS = 100
"""Room for what stands above each passage in the text."""
_NOTE_CHARS = 7
"""What stands before each notice."""
_SHORTEST_TEXT = 500
"""Room for passages that notices never take."""
_SHORTEST_PIECE = 200
"""Characters of a cut passage below which it says too little to be worth its place."""


class KnowledgeSearch:
    """Answers `knowledge.search`.

    Args:
        bases: the bases of the catalog.
        outbound: the outbound chain.
    """

    def __init__(self, *, bases: Bases, outbound: Outbound) -> None:
        self._bases = bases
        self._outbound = outbound

    def __call__(self, call: Call) -> Answer:
        """The best passages of all bases.

        Raises:
            InvalidInput: a filter that cannot be meant.
            NotFound: a base that the caller may not ask.
            Unavailable: no base answered (the base's own failure where only one was asked).
        """
        arguments = call.arguments
        names = self._bases.chosen(call.scope, cast("tuple[str, ...]", arguments["bases"]))
        question = Question(
            call=call,
            query=str(arguments["query"]),
            conditions=parse_filters(cast("Mapping[str, object] | None", arguments["filters"])),
            limit=cast("int", arguments["top_k"]),
            mode=cast("Mode", arguments["mode"]),
        )
        replies = ask_each(names, lambda name: self._ask(name, question))
        if all(reply.found is None for reply in replies):
            raise none_answered(replies, "knowledge base")
        return _answer(question, replies, cast("int", arguments["max_chars"]))

    def traits(self, call: Call) -> Traits:
        """A read, kept while no asked base counts a change, and as long as each one without a counter allows."""
        try:
            names = self._bases.chosen(call.scope, cast("tuple[str, ...]", call.arguments["bases"]))
            versions = {name: self._bases[name].version(call.workspace) for name in names}
        except Failure:  # the call itself will say it, in full
            return Traits()
        return Traits(
            version=" ".join(f"{name}={version}" for name, version in sorted(versions.items())),
            fresh_for=min((self._bases[name].fresh_for for name in names if versions[name] is None), default=None),
            needs_host=any(self._bases[name].needs_host for name in names),
        )

    def entries(self, scope: Scope) -> Iterator[Entry]:
        """The bases of this scope."""
        if not scope.grants_operation("knowledge.read"):
            return
        for name in self._bases.visible(scope):
            writable = isinstance(self._bases[name], KnowledgeStore) and scope.grants_operation("knowledge.write")
            yield Entry(
                family=FAMILY,
                name=name,
                kind=self._bases[name].kind,
                use=f"knowledge_search bases={name}",
                description="Documents of the workspace." + (" knowledge_add adds to it." if writable else ""),
            )

    def findings(self, call: Call) -> Iterator[Finding]:
        """How each base of the scope is doing."""
        if call.scope.grants_operation("knowledge.read"):
            yield from ask_each(self._bases.visible(call.scope), lambda name: self._finding(name, call))

    def _ask(self, name: str, question: Question) -> Reply[Found]:
        source = self._bases[name]

        def send(deadline: Deadline) -> Found:
            return source.find(question, deadline)

        return ask_source(name, send, call=question.call, target=source.target, outbound=self._outbound)

    def _finding(self, name: str, call: Call) -> Finding:
        source = self._bases[name]
        return source_finding(
            f"{FAMILY}:{name}", lambda deadline: source.check(call, deadline), call=call, key=f"{FAMILY}.{name}"
        )


def _answer(question: Question, replies: Sequence[Reply[Found]], max_chars: int) -> Answer:
    answered = {reply.name: reply.found for reply in replies if reply.found is not None}
    if question.conditions:
        _require_known_somewhere(question.conditions, answered)
    best = _merged(answered)[: question.limit]
    passages = _fitting(best, max_chars)
    notices = [f"The base {r.name!r} is missing in this answer: {r.failure.message}" for r in replies if r.failure is not None]
    notices += [notice for found in answered.values() for notice in found.notices if found.passages or not best]
    if not best:
        notices += _nothing(question, answered)
    if len(passages) < len(best):
        notices.append(f"{len(best) - len(passages)} more passages did not fit into {max_chars:,} characters; raise max_chars.")
    used = dict.fromkeys(name for name, _ in passages) or dict.fromkeys(answered)
    return Answer(
        variables={"result": as_context(passages), "citations": as_citations(passages)},
        source=", ".join(dict.fromkeys(answered[name].label or name for name in used)),
        partial=len(answered) < len(replies) or any(found.partial for found in answered.values()),
        notices=tuple(notices),
        text_chars=max(max_chars, sum(len(notice) + _NOTE_CHARS for notice in notices) + _SHORTEST_TEXT),
    )


def _require_known_somewhere(conditions: Sequence[Condition], answered: Mapping[str, Found]) -> None:
    """A field that no base has is a mistake; where a base cannot tell its fields, none is known to be one."""
    known = sorted({name for found in answered.values() for name in found.fields})
    for condition in conditions:
        nowhere = all(found.unknown is not None and condition.field in found.unknown for found in answered.values())
        if nowhere and known:  # where there is no document yet, the answer says so
            require_known([condition], known)


def _merged(answered: Mapping[str, Found]) -> list[tuple[str, Passage]]:
    """Passages of all bases by rank, since their scores mean different things; the same text twice stays once."""
    rankings = [[(name, number) for number in range(len(found.passages))] for name, found in answered.items()]
    seen: set[str] = set()
    merged = []
    for (name, number), _ in fuse(rankings):
        passage = answered[name].passages[number]
        if passage.content not in seen:
            seen.add(passage.content)
            merged.append((name, passage))
    return merged


def _fitting(passages: Sequence[tuple[str, Passage]], max_chars: int) -> list[tuple[str, Passage]]:
    """As many as fit, the last one cut where enough of it remains."""
    kept: list[tuple[str, Passage]] = []
    left = max_chars - _HEADER_CHARS
    for name, passage in passages:
        room = left - _HEADER_CHARS - len(passage.title) - len(passage.heading)
        if not kept:
            room = max(room, _SHORTEST_PIECE)  # one passage at least, whatever its title
        if len(passage.content) > room:
            if room >= _SHORTEST_PIECE:
                kept.append((name, replace(passage, content=cut_short(passage.content, room))))
            break
        kept.append((name, passage))
        left = room - len(passage.content)
    return kept


def _nothing(question: Question, answered: Mapping[str, Found]) -> Iterator[str]:
    where = ", ".join(f"{name} (sample)" if found.label else name for name, found in answered.items())
    removed = sum(found.removed for found in answered.values())
    shown = f'"{printable(question.query, 80)}"'
    if removed:
        yield f"{removed} passages fit {shown}, but none of their documents fulfils the filters. Asked: {where}."
    else:
        yield f"No passage fits {shown}. Asked: {where}. Other words, or fewer of them, may find it."
