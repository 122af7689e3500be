"""Makes the vectors that a base's passages lack, document by document, each batch kept as soon as it is there."""

from functools import partial
from itertools import batched

from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    not_,
    select,
    update,
)

from faas_toolkit.capabilities.knowledge.access import Reader
from faas_toolkit.capabilities.knowledge.embedding import MAX_BATCH, Embedder
from faas_toolkit.capabilities.knowledge.port import Embedded, reader_of
from faas_toolkit.capabilities.knowledge.sources.embedded.conditions import readable
from faas_toolkit.capabilities.knowledge.sources.embedded.tables import (
    AREAS,
    DOCUMENTS,
    MOST_PASSAGES,
    NO_DOCUMENT_IS_ABOVE,
    PASSAGES,
    VECTORS,
    passage_number,
)
from faas_toolkit.capabilities.knowledge.sources.embedded.writing import moved_on, note_changes
from faas_toolkit.core.call import Call
from faas_toolkit.core.errors import Cancelled, Failure, Throttled, TimeoutUnknown, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.search.vectors import pack
from faas_toolkit.state.sql import Database

_SPARE_SECONDS = 8.0
"""Left for the answer when the time for vectors is over."""
_MOST_TEXT_CHARS = 8_000


@immutable
class _Todo:
    """A document without vectors."""

    document: int
    digest: str
    """Of the document as it was read; one that took its place has its number."""
    texts: tuple[str, ...]
    told: bool
    """Whether the caller may know of it."""


def missing_passages(connection: Connection, area: int, model: str, reader: Reader) -> int:
    """Passages without a vector of this model, of those that the reader may know of."""
    counted = select(func.coalesce(func.sum(DOCUMENTS.c.passages), 0))
    counted = counted.where(_lacks_vectors(area, model), *readable(area, reader))
    return int(connection.execute(counted).scalar_one())


def has_vectors(connection: Connection, area: int, model: str, reader: Reader) -> bool:
    """Whether any document of this reader has vectors of this model."""
    mine = select(VECTORS.c.document).join_from(VECTORS, DOCUMENTS, DOCUMENTS.c.number == VECTORS.c.document)
    mine = mine.where(VECTORS.c.area == area, VECTORS.c.model == model, *readable(area, reader))
    return connection.execute(mine.limit(1)).first() is not None


def embed_missing(database: Database, offload: Offload, area: int, embedder: Embedder, call: Call) -> Embedded:
    """Makes vectors until none is missing, the model is away, or the call's time is short.

    Whoever adds a document goes on with all documents that lack vectors, and is told only of those they may read. One that the
    model refuses does not keep the older ones from theirs.
    """
    reader = reader_of(call.scope)
    made, problem, below = 0, "", NO_DOCUMENT_IS_ABOVE
    while call.deadlines.first_content.remaining() > _SPARE_SECONDS:
        todo = database.read(partial(_next, area=area, model=embedder.model, reader=reader, below=below))
        if todo is None:
            break
        try:
            vectors = [vector for batch in batched(todo.texts, MAX_BATCH) for vector in embedder(batch, call, "document")]
            packed = offload.run("search", partial(pack, vectors))
        except (Unavailable, Throttled, TimeoutUnknown, Cancelled) as failure:
            problem = failure.as_text()
            break
        except Failure as failure:
            problem, below = failure.as_text(), todo.document
        except ValueError:
            below = todo.document
            problem = f"The embedding model {embedder.model!r} answered vectors of unlike lengths, or no numbers."
        else:
            _keep(database, call.workspace.id, area, todo, embedder.model, packed)
            made += len(todo.texts) if todo.told else 0
    missing = database.read(lambda connection: missing_passages(connection, area, embedder.model, reader))
    return Embedded(passages=made, missing=missing, problem=problem)


def _lacks_vectors(area: int, model: str) -> ColumnElement[bool]:
    mine = exists().where(VECTORS.c.area == area, VECTORS.c.document == DOCUMENTS.c.number, VECTORS.c.model == model)
    return and_(DOCUMENTS.c.area == area, not_(mine))


def _next(connection: Connection, area: int, model: str, reader: Reader, below: int) -> _Todo | None:
    """The newest document below that number without vectors, and what of its passages is turned into them."""
    lacking = select(DOCUMENTS.c.number, DOCUMENTS.c.title, DOCUMENTS.c.digest).where(_lacks_vectors(area, model))
    lacking = lacking.where(DOCUMENTS.c.number < below)
    document = connection.execute(lacking.order_by(DOCUMENTS.c.number.desc()).limit(1)).first()
    if document is None:
        return None
    first, last = passage_number(document.number, 0), passage_number(document.number, MOST_PASSAGES - 1)
    rows = connection.execute(
        select(PASSAGES.c.heading, PASSAGES.c.text)
        .where(PASSAGES.c.area == area, PASSAGES.c.number.between(first, last))
        .order_by(PASSAGES.c.number)
    )
    texts = tuple("\n".join(part for part in (document.title, row.heading, row.text) if part)[:_MOST_TEXT_CHARS] for row in rows)
    mine = select(DOCUMENTS.c.number).where(*readable(area, reader), DOCUMENTS.c.number == document.number)
    return _Todo(int(document.number), str(document.digest), texts, told=connection.execute(mine).first() is not None)


def _keep(database: Database, workspace: str, area: int, todo: _Todo, model: str, vectors: bytes) -> None:
    """Keeps vectors, unless the document went or changed meanwhile; answers that were kept without them are outdated."""

    def write(connection: Connection) -> None:
        locked = select(AREAS.c.number).where(AREAS.c.number == area).with_for_update()
        connection.execute(locked).first()  # on a server another node may be replacing the document just now
        here = (DOCUMENTS.c.area == area, DOCUMENTS.c.number == todo.document, DOCUMENTS.c.digest == todo.digest)
        if connection.execute(select(DOCUMENTS.c.number).where(*here)).first() is None:
            return
        mine = (VECTORS.c.area == area, VECTORS.c.document == todo.document, VECTORS.c.model == model)
        connection.execute(delete(VECTORS).where(*mine))
        row = {"workspace": workspace, "area": area, "document": todo.document, "model": model, "vectors": vectors}
        connection.execute(insert(VECTORS).values(row))
        connection.execute(update(AREAS).where(AREAS.c.number == area).values(**moved_on()))
        note_changes(connection, area, [todo.document])

    database.write(write)
