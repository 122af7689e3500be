"""What the capability asks of a knowledge base, in words of no vendor."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal, Protocol, runtime_checkable

from faas_toolkit.capabilities.knowledge.access import Access, Reader
from faas_toolkit.capabilities.knowledge.filters import Condition
from faas_toolkit.core.call import Call, Scope, Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.outbound import Target

Mode = Literal["auto", "lexical", "hybrid"]


@immutable(kw_only=True)
class Question:
    """One question to one base."""

    call: Call
    query: str
    conditions: tuple[Condition, ...] = ()
    limit: int = 5
    mode: Mode = "auto"

    @property
    def reader(self) -> Reader:
        """Who reads what is found."""
        return reader_of(self.call.scope)


@immutable(kw_only=True)
class Passage:
    """A part of a document that was found."""

    document: str
    """What the next call can name the document by, e.g. `handbook:12`."""
    position: int
    """Which part of the document, from 1."""
    title: str
    content: str
    score: float
    """From 0 to 1; orders the passages of one base and means nothing beyond that."""
    heading: str = ""
    """The headings above it, e.g. `Returns > Exceptions`."""
    metadata: Mapping[str, object] = field(default_factory=dict)
    """What whoever added the document said about it."""

    @property
    def id(self) -> str:
        """E.g. `handbook:12#3`."""
        return f"{self.document}#{self.position}"


@immutable(kw_only=True)
class Found:
    """What a base has to say."""

    passages: tuple[Passage, ...] = ()
    """Best first."""
    label: str | None = None
    """Where the facts are from, if not from the base itself: `sample`."""
    partial: bool = False
    notices: tuple[str, ...] = ()
    unknown: tuple[str, ...] | None = None
    """The fields of the filters that none of the reader's documents has; None where the base cannot tell."""
    fields: tuple[str, ...] = ()
    """The fields that there are, where some are unknown."""
    removed: int = 0
    """Passages that fit the query and that the filters took away."""


class KnowledgeSource(Protocol):
    """A knowledge base."""

    @property
    def kind(self) -> str:
        """As the catalog names it, e.g. `embedded`."""
        ...

    @property
    def target(self) -> Target | None:
        """What the outbound chain knows of it; None where it asks something that has a target of its own."""
        ...

    @property
    def fresh_for(self) -> float:
        """Seconds that an answer may be kept where there is no change counter; 0: not at all."""
        ...

    @property
    def needs_host(self) -> bool:
        """Whether answering asks the host, e.g. for the vector of a query."""
        ...

    def find(self, question: Question, deadline: Deadline) -> Found:
        """The passages that answer best, none that the reader may not see; raises a `Failure`."""
        ...

    def version(self, workspace: Workspace) -> str | None:
        """The change counter of this workspace's documents, None where there is none; cheap; raises a `Failure`."""
        ...

    def check(self, call: Call, deadline: Deadline) -> str:
        """One sentence on how it is doing, after asking it the cheapest thing; raises a `Failure`."""
        ...


@immutable(kw_only=True)
class PassageDraft:
    """A passage to be stored, with the terms it is found by."""

    heading: str
    text: str
    terms: Mapping[str, Sequence[str]] = field(repr=False)
    """By column of the index: title, heading, body."""


@immutable(kw_only=True)
class DocumentDraft:
    """A document to be stored."""

    title: str
    kind: str
    """The form it came in: text, txt, md, html, csv."""
    origin: str
    """The file's name or the address it came from; empty for a text."""
    passages: tuple[PassageDraft, ...]
    characters: int
    digest: str
    """SHA-256 (hexadecimal) of title and text: the same twice is one document."""
    metadata: Mapping[str, object] | None = None
    """None: not said, so a document that is there already keeps its own."""
    access: Access | None = None
    """Same."""
    replaces: int | None = None
    """The number of the document whose place it takes."""


Status = Literal["added", "updated", "unchanged", "replaced"]
"""`updated`: the document was there already, and what is said about it or who may read it changed."""


@immutable(kw_only=True)
class Stored:
    """What became of a draft."""

    id: str
    title: str
    status: Status
    passages: int
    same_title: tuple[str, ...] = ()
    """Other documents of the same title that the caller may see."""


@immutable(kw_only=True)
class Embedded:
    """How making vectors went."""

    passages: int = 0
    missing: int = 0
    """Passages of the base that still have none."""
    problem: str = ""


@runtime_checkable
class KnowledgeStore(KnowledgeSource, Protocol):
    """A base that can be written to."""

    def add(self, drafts: Sequence[DocumentDraft], call: Call) -> tuple[Stored, ...]:
        """Stores all or none of them, found from then on; raises `NotFound` where one is to replace what is not there."""
        ...

    def embed(self, call: Call) -> Embedded | None:
        """Makes the vectors that are missing, as many as there is time for; None where the base has no embedding model."""
        ...

    def remove(self, document: int | None, conditions: Sequence[Condition], call: Call) -> tuple[tuple[str, str], ...]:
        """Removes one document, or all that fulfil the conditions, of those that the caller may see: ids with titles.

        Raises:
            NotFound: no such document.
            InvalidInput: a condition on a field that no document has.
        """
        ...


def reader_of(scope: Scope) -> Reader:
    """The reader that documents' access lists are compared with."""
    return Reader(roles=scope.roles, groups=scope.groups, subject=scope.owner)
