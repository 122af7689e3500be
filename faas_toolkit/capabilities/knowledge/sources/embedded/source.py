"""The embedded base as a source and a store: searched in one hop, written in one transaction, found from then on."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select  # noqa: TID253 - this module is loaded on first use
from sqlalchemy.exc import IntegrityError  # noqa: TID253 - same

from faas_toolkit.capabilities.knowledge.access import Reader
from faas_toolkit.capabilities.knowledge.config import EmbeddedKnowledgeConfig
from faas_toolkit.capabilities.knowledge.embedding import Embedder
from faas_toolkit.capabilities.knowledge.filters import Condition, require_known
from faas_toolkit.capabilities.knowledge.port import DocumentDraft, Embedded, Found, Question, Stored, reader_of
from faas_toolkit.capabilities.knowledge.sources.embedded.areas import SAMPLE, SAMPLE_BASE, Area, own_area, sample_area
from faas_toolkit.capabilities.knowledge.sources.embedded.conditions import fulfilling, readable
from faas_toolkit.capabilities.knowledge.sources.embedded.replica import Replica
from faas_toolkit.capabilities.knowledge.sources.embedded.sample import made_of, sample_drafts
from faas_toolkit.capabilities.knowledge.sources.embedded.searching import Search, field_names, has_documents, unknown_fields
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import DOCUMENTS
from faas_toolkit.capabilities.knowledge.sources.embedded.vectorising import embed_missing, has_vectors, missing_passages
from faas_toolkit.capabilities.knowledge.sources.embedded.writing import Place, claim, erase, store
from faas_toolkit.core.call import Call, Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure, NotFound, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.core.outbound import Target
from faas_toolkit.search.vectors import pack
from faas_toolkit.state.sql import Database
from faas_toolkit.state.sqlite import Damaged


@immutable
class _Meaning:
    """The query's vector, if there is one, and what the reader should know where there is none."""

    vector: tuple[str, bytes] | None = None
    notice: str = ""
    failed: bool = False


class EmbeddedKnowledge:
    """A `KnowledgeStore` over the toolkit's own database.

    Args:
        name: the base's name in the catalog.
        config: its section.
        database: where documents are kept; `Unavailable` from it passes through.
        replica: this node's copy of it, where it is a server's; then that is searched, and the sample stands there too.
        clock: tells the day on which a document is added.
        offload: where vectors are put together.
        embedder: the embedding model; None: words alone are compared.
    """

    kind = "embedded"
    fresh_for = 0.0

    def __init__(
        self,
        *,
        name: str,
        config: EmbeddedKnowledgeConfig,
        database: Database,
        clock: Clock,
        offload: Offload,
        embedder: Embedder | None,
        replica: Replica | None = None,
    ) -> None:
        self._name = name
        self._sample = config.sample
        self._database = database
        self._replica = replica
        self._searched: Database = database if replica is None else replica.local
        self._clock = clock
        self._offload = offload
        self._embedder = embedder
        self.needs_host = embedder is not None and embedder.needs_host
        self.target: Target | None = config.to_target(f"knowledge:{name}")

    def find(self, question: Question, deadline: Deadline) -> Found:
        """The passages; makes the sample on the first search of a fresh install, and a copy that is damaged anew."""
        try:
            return self._found(question, deadline)
        except Damaged:
            if self._replica is None:
                raise
            self._replica.local.discard()
            return self._found(question, deadline)

    def _found(self, question: Question, deadline: Deadline) -> Found:
        area = self._area(question.call.workspace, deadline)
        if area is None:
            return self._empty()
        meaning = self._meaning(question, area)
        found = self._searched.read(lambda connection: self._search(connection, area, question, meaning.vector))
        if not found.passages and not self._searched.read(lambda c: has_documents(c, area.number, question.reader)):
            return self._empty()  # who may read nothing is not told that there is something
        notices = (meaning.notice, *found.notices) if meaning.notice else found.notices
        return replace(found, label="sample" if area.is_sample else None, partial=meaning.failed, notices=notices)

    def version(self, workspace: Workspace) -> str | None:
        """The change counter of the area that answers for this workspace; `none` before there is one."""
        if self._replica is None:
            area = self._database.read(lambda connection: self._current(connection, workspace.id))
            return area.version if area is not None else "none"
        shared = self._replica.state(workspace.id, self._name)
        if shared is not None:
            return shared.version
        return f"sample.{made_of()}" if self._sample else "none"

    def check(self, call: Call, deadline: Deadline) -> str:
        """What the base holds for this reader."""
        reader = reader_of(call.scope)
        mine = (call.workspace.id, self._name)
        said = self._database.read(lambda connection: self._held(connection, reader, own_area(connection, *mine)))
        if said is None and self._sample:
            said = self._searched.read(lambda connection: self._held(connection, reader, sample_area(connection)))
        return said or "no documents yet" + ("; the first search makes the sample" if self._sample else "")

    def _held(self, connection: Connection, reader: Reader, area: Area | None) -> str | None:
        if area is None:
            return None
        counted = select(func.count(), func.coalesce(func.sum(DOCUMENTS.c.passages), 0))
        documents, passages = connection.execute(counted.where(*readable(area.number, reader))).one()
        said = f"{documents:,} documents with {passages:,} passages that you may read"
        if area.is_sample:
            return f"{said}: the sample, until the first document is added"
        if self._embedder is not None and missing_passages(connection, area.number, self._embedder.model, reader):
            return f"{said}; some passages have no vectors yet, which the next knowledge_add makes"
        return said

    def add(self, drafts: Sequence[DocumentDraft], call: Call) -> tuple[Stored, ...]:
        """Stores the documents, all or none."""
        reader = reader_of(call.scope)

        def write(connection: Connection) -> tuple[Stored, ...]:
            area = claim(connection, call.workspace.id, self._name)
            place = Place(call.workspace.id, self._name, area, self._today())
            return tuple(store(connection, place, draft, reader) for draft in drafts)

        return self._database.write(write)

    def embed(self, call: Call) -> Embedded | None:
        """Makes missing vectors until they are all there, the model fails, or the call's time is short."""
        if self._embedder is None:
            return None
        area = self._database.read(lambda connection: own_area(connection, call.workspace.id, self._name))
        if area is None:
            return Embedded()
        return embed_missing(self._database, self._offload, area.number, self._embedder, call)

    def remove(self, document: int | None, conditions: Sequence[Condition], call: Call) -> tuple[tuple[str, str], ...]:
        """Removes what is named or chosen."""
        reader = reader_of(call.scope)

        def write(connection: Connection) -> tuple[tuple[str, str], ...]:
            area = own_area(connection, call.workspace.id, self._name, lock=True)
            if area is None:
                if document is not None:
                    raise self._no_such(document)
                return ()
            if unknown_fields(connection, area.number, reader, conditions) and has_documents(connection, area.number, reader):
                require_known(conditions, field_names(connection, area.number, reader))
            chosen = [*readable(area.number, reader), *fulfilling(area.number, conditions)]
            if document is not None:
                chosen.append(DOCUMENTS.c.number == document)
            rows = connection.execute(select(DOCUMENTS.c.number, DOCUMENTS.c.title).where(*chosen)).all()
            if document is not None and not rows:
                raise self._no_such(document)
            if rows:
                claim(connection, call.workspace.id, self._name)
                erase(connection, area.number, [row.number for row in rows])
            return tuple((f"{self._name}:{row.number}", str(row.title)) for row in rows)

        return self._database.write(write)

    def _empty(self) -> Found:
        return Found(notices=(f"The base {self._name!r} holds no documents yet.",))

    def _no_such(self, document: int) -> NotFound:
        sample = " The sample is read-only; it disappears with the first document you add." if self._sample else ""
        return NotFound(
            f"There is no document {self._name}:{document} that you may remove.", hint=f"knowledge_search shows the ids.{sample}"
        )

    def _search(self, connection: Connection, area: Area, question: Question, vector: tuple[str, bytes] | None) -> Found:
        search = Search(
            connection=connection,
            base=self._name,
            area=area.number,
            reader=question.reader,
            query=question.query,
            conditions=question.conditions,
            limit=question.limit,
            vector=vector,
        )
        passages = search.passages()
        if not question.conditions:
            return Found(passages=passages)
        unknown = unknown_fields(connection, area.number, question.reader, question.conditions)
        return Found(
            passages=passages,
            unknown=unknown,
            fields=field_names(connection, area.number, question.reader) if unknown else (),
            removed=0 if passages else search.removed(),
        )

    def _meaning(self, question: Question, area: Area) -> _Meaning:
        """The query's vector; where the model is down the search goes on with words alone, and says so."""
        if question.mode == "lexical" or (self._embedder is None and question.mode == "auto") or area.is_sample:
            return _Meaning()
        if self._embedder is None:
            return _Meaning(notice=f"The base {self._name!r} has no embedding model, so words alone were compared.")
        embedder = self._embedder
        if not self._searched.read(lambda connection: has_vectors(connection, area.number, embedder.model, question.reader)):
            return _Meaning(notice=f"The base {self._name!r} has no vectors yet, so words alone were compared.")
        try:
            vectors = embedder([question.query], question.call, "query")
            return _Meaning(vector=(embedder.model, self._offload.run("search", lambda: pack(vectors))))
        except (Failure, ValueError) as error:
            said = error.as_text() if isinstance(error, Failure) else "The embedding model answered no usable vector."
            return _Meaning(notice=f"Words alone were compared in {self._name!r}: {said}", failed=True)

    def _area(self, workspace: Workspace, deadline: Deadline) -> Area | None:
        if self._replica is not None:
            own = self._replica.area(workspace.id, self._name, deadline)
            if own is not None or not self._sample:
                return own
            return self._sample_made(self._searched.read(sample_area))
        area = self._database.read(lambda connection: self._current(connection, workspace.id))
        return area if not self._sample else self._sample_made(area)

    def _sample_made(self, area: Area | None) -> Area:
        """The area, or the sample's where there is none yet or an older one."""
        if area is not None and (not area.is_sample or area.sample == made_of()):
            return area
        with suppress(IntegrityError):  # another process was faster, in a database that lets two write at once
            self._searched.write(self._make_sample)
        made = self._searched.read(sample_area)
        if made is None:
            raise Unavailable("The sample handbook could not be made.", not_executed=True)
        return made

    def _make_sample(self, connection: Connection) -> None:
        area = sample_area(connection)
        if area is not None and area.sample == made_of():
            return
        number = claim(connection, SAMPLE, SAMPLE_BASE, sample=made_of())
        older = connection.execute(select(DOCUMENTS.c.number).where(DOCUMENTS.c.area == number)).scalars().all()
        erase(connection, number, older)
        place = Place(SAMPLE, SAMPLE_BASE, number, self._today())
        for draft in sample_drafts():
            store(connection, place, draft, Reader())

    def _current(self, connection: Connection, workspace: str) -> Area | None:
        """The workspace's own area, else the sample's where the base has one."""
        own = own_area(connection, workspace, self._name)
        return own if own is not None or not self._sample else sample_area(connection)

    def _today(self) -> str:
        return datetime.fromtimestamp(self._clock.epoch(), UTC).date().isoformat()
