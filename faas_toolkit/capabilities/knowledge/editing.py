"""Adds documents to a base and removes them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import cast, get_args

from faas_toolkit.capabilities.knowledge.access import parse_access
from faas_toolkit.capabilities.knowledge.bases import Bases, document_number
from faas_toolkit.capabilities.knowledge.download import Download
from faas_toolkit.capabilities.knowledge.filters import parse_filters
from faas_toolkit.capabilities.knowledge.metadata import parse_metadata
from faas_toolkit.capabilities.knowledge.port import DocumentDraft, Embedded, KnowledgeStore, Status, Stored, reader_of
from faas_toolkit.capabilities.knowledge.reading.document import MAX_FILE_BYTES, Given, Said, draft_of, kind_of
from faas_toolkit.core.call import Answer, Call
from faas_toolkit.core.errors import Failure, InvalidInput, TooLarge
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.core.operation import Traits
from faas_toolkit.core.outbound import Attempt, Outbound, Target
from faas_toolkit.core.untrusted import printable
from faas_toolkit.core.upload import Upload

WRITES = Traits(effects="idempotent", fresh_for=0)
"""The same again changes nothing."""

_FETCHING = Target(id="knowledge:url", timeout=20.0, attempts=2)
_NAMED = 10


@immutable
class _Input:
    """One thing to be added, read when its turn comes."""

    name: str
    get: Callable[[], Given]


@immutable
class _Refused:
    """What could not be added, and why."""

    name: str
    failure: Failure


class KnowledgeAdd:
    """Answers `knowledge.add`.

    Args:
        bases: the bases of the catalog.
        outbound: the outbound chain.
        offload: where files are read and cut into passages.
        download: gets what stands at an address.
    """

    def __init__(self, *, bases: Bases, outbound: Outbound, offload: Offload, download: Download) -> None:
        self._bases = bases
        self._outbound = outbound
        self._offload = offload
        self._download = download

    def __call__(self, call: Call) -> Answer:
        """What became of each document; all that could be read are stored together, those that could not are named.

        Raises:
            InvalidInput: nothing, or more than one kind of thing, is given; or the only thing given cannot be read.
            NotFound: a base that the caller may not use; a document to replace that is not there.
        """
        name, store = self._bases.writable(call.scope, str(call.arguments["base"] or ""))
        inputs = self._inputs(call)
        said = _said(call, name, len(inputs))
        drafts, refused, notices = self._read(inputs, said)
        if not drafts:
            raise refused[0].failure
        stored = _through(self._outbound, call, store, lambda: store.add(drafts, call))
        embedded = store.embed(call)
        if said.access is not None and not said.access.admits(reader_of(call.scope)):
            notices.append("You will not find what you added yourself: access names others only.")
        return Answer(
            variables={"documents": [_plain(each) for each in stored], "report": _report(name, stored, refused, embedded)},
            source=name,
            partial=bool(refused) or bool(embedded and embedded.problem),
            notices=(*notices, *_same_titles(stored), *_about_vectors(embedded)),
        )

    def traits(self, call: Call) -> Traits:
        """Adding the same twice is adding it once."""
        return WRITES

    def _inputs(self, call: Call) -> list[_Input]:
        """The one of text, files and url that was given."""
        text, url = str(call.arguments["text"] or ""), str(call.arguments["url"] or "")
        files = cast("tuple[Upload, ...]", call.arguments["files"] or ())
        given = [name for name, value in (("text", text), ("files", files), ("url", url)) if value]
        if len(given) != 1:
            raise InvalidInput(
                f"Give one of text, files and url; {' and '.join(given) if given else 'none of them'} was given.",
                hint="Example: text=Goods can be returned within 30 days., title=Returns.",
            )
        if text:
            return [_Input("text", lambda: Given(content=text))]
        if url:
            return [_Input(url, lambda: self._fetched(url, call))]
        return [_Input(file.name, partial(self._opened, file, call)) for file in files]

    def _opened(self, file: Upload, call: Call) -> Given:
        """The file's content; what cannot be read by its kind or size is not even fetched."""
        kind_of(Given(content=b"", name=file.name, media_type=file.media_type))
        if file.size is not None and file.size > MAX_FILE_BYTES:
            shown = printable(file.name, 100)
            raise TooLarge(f"{shown} has {file.size:,} bytes; at most {MAX_FILE_BYTES:,} are read.", hint="Split it.")
        content = file.read() if file.read is not None else self._fetched(file.url, call).content
        return Given(content=content, name=file.name, media_type=file.media_type)

    def _fetched(self, url: str, call: Call) -> Given:
        return self._outbound(Attempt(call=call, target=_FETCHING, send=lambda deadline: self._download(url, deadline)))

    def _read(self, inputs: Sequence[_Input], said: Said) -> tuple[list[DocumentDraft], list[_Refused], list[str]]:
        drafts: list[DocumentDraft] = []
        refused: list[_Refused] = []
        notices: list[str] = []
        for each in inputs:
            try:
                draft, how = self._draft(each.get(), said)
            except Failure as failure:
                refused.append(_Refused(printable(each.name, 100), failure))
                continue
            drafts.append(draft)
            notices += how
        return drafts, refused, notices

    def _draft(self, given: Given, said: Said) -> tuple[DocumentDraft, tuple[str, ...]]:
        return self._offload.run("parse", lambda: draft_of(given, said))


class KnowledgeRemove:
    """Answers `knowledge.remove`.

    Args:
        bases: the bases of the catalog.
        outbound: the outbound chain.
    """

    def __init__(self, *, bases: Bases, outbound: Outbound) -> None:
        self._bases = bases
        self._outbound = outbound

    def __call__(self, call: Call) -> Answer:
        """How many documents went.

        Raises:
            InvalidInput: neither a document nor filters are given, or both are.
            NotFound: a base or a document that the caller may not know of.
        """
        named, filters = str(call.arguments["document"] or ""), parse_filters(_mapping(call.arguments["filters"]))
        if bool(named) == bool(filters):
            raise InvalidInput(
                "Give a document or filters, not both." if named else "Say what is to be removed: a document, or filters.",
                hint='Examples: document=handbook:12; base=handbook, filters={"department": "support"}.',
            )
        base = str(call.arguments["base"] or "") or named.rpartition(":")[0]
        name, store = self._bases.writable(call.scope, base)
        number = document_number(named, name) if named else None
        removed = _through(self._outbound, call, store, lambda: store.remove(number, filters, call))
        notices = ["No document fulfils the filters."] if not removed else []
        if removed:
            shown = "; ".join(f"{document} {title}" for document, title in removed[:_NAMED])
            notices.append(f"Removed: {shown}{'; …' if len(removed) > _NAMED else ''}")
        return Answer(variables={"removed": len(removed)}, source=name, notices=tuple(notices))

    def traits(self, call: Call) -> Traits:
        """Removing twice is removing once."""
        return WRITES


def _through[T](outbound: Outbound, call: Call, store: KnowledgeStore, work: Callable[[], T]) -> T:
    """The result of work on a base, asked through the base's own gate."""
    if store.target is None:
        return work()
    return outbound(Attempt(call=call, target=store.target, send=lambda _: work(), effects="idempotent"))


def _said(call: Call, base: str, documents: int) -> Said:
    title, replaced = str(call.arguments["title"] or ""), str(call.arguments["document"] or "")
    if documents > 1 and (title or replaced):
        raise InvalidInput(
            f"{'title' if title else 'document'} says something of one document, and {documents} files were given.",
            hint="Add them one by one, or leave it out: each file then has the title it brings along.",
        )
    return Said(
        title=title,
        metadata=parse_metadata(_mapping(call.arguments["metadata"])),
        access=parse_access(_mapping(call.arguments["access"])),
        replaces=document_number(replaced, base) if replaced else None,
    )


def _mapping(value: object) -> Mapping[str, object] | None:
    return value if isinstance(value, Mapping) else None


def _plain(stored: Stored) -> dict[str, object]:
    return {"id": stored.id, "title": stored.title, "status": stored.status, "passages": stored.passages}


def _report(base: str, stored: Sequence[Stored], refused: Sequence[_Refused], embedded: Embedded | None) -> dict[str, object]:
    report: dict[str, object] = {
        "base": base,
        **{status: sum(each.status == status for each in stored) for status in get_args(Status)},
        "passages": sum(each.passages for each in stored),
        "refused": [{"name": each.name, "message": each.failure.as_text()} for each in refused],
    }
    return report if embedded is None else {**report, "vectors": embedded.passages, "vectors_missing": embedded.missing}


def _same_titles(stored: Sequence[Stored]) -> Iterator[str]:
    for each in stored:
        if each.same_title:
            others = ", ".join(each.same_title)
            yield f"{each.id} has the title of {others}, which stayed; give document={each.same_title[0]} to replace one."


def _about_vectors(embedded: Embedded | None) -> Iterator[str]:
    if embedded is not None and embedded.missing:
        why = embedded.problem or "There was no time for all of them."
        yield f"{embedded.missing:,} passages have no vectors yet: they are found by words alone until the next call. {why}"
