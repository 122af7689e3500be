"""The knowledge family over a store in a temporary file, without the policies around it, and a model that knows a few words."""

from dataclasses import replace
from pathlib import Path

from faas_toolkit.capabilities.knowledge.assembly import Knowledge
from faas_toolkit.capabilities.knowledge.config import DifyEmbedding, EmbeddedKnowledgeConfig
from faas_toolkit.capabilities.knowledge.operations import ADD, REMOVE, SEARCH
from faas_toolkit.core.call import Answer, Call, Scope, Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.upload import Upload
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from faas_toolkit.wiring import EMBEDDERS, KNOWLEDGE_SOURCES, load
from tests.fakes.calls import make_call
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost

OWN = EmbeddedKnowledgeConfig(kind="embedded")
SAMPLE = EmbeddedKnowledgeConfig(kind="embedded", sample=True)
WITH_VECTORS = EmbeddedKnowledgeConfig(kind="embedded", embedding=DifyEmbedding(kind="dify", provider="a/b/c", model="few-words"))


def scope(*roles: str, groups=(), owner=None, bases=("*",)) -> Scope:
    return Scope(
        grants=frozenset({"knowledge.read", "knowledge.write"}),
        sources={"knowledge": tuple(bases)},
        roles=frozenset(roles or ("member",)),
        groups=frozenset(groups),
        owner=owner,
    )


class WordHost(FakeHost):
    """A host whose embedding model knows a few meanings: each is one number of a vector."""

    MEANINGS = (("car", "automobile", "vehicle", "汽车"), ("money", "refund", "cash"), ("holiday", "vacation", "leave"))

    def __init__(self) -> None:
        super().__init__()
        self.down = False
        self.asked: list[tuple[str, int]] = []

    def embed(self, texts, provider, model, *, purpose, deadline):
        self.asked.append((purpose, len(texts)))
        if self.down:
            raise Unavailable("The model is down.")
        return [[0.01, *(float(any(word in text.lower() for word in meaning)) for meaning in self.MEANINGS)] for text in texts]


class Family:
    """`knowledge_search`, `knowledge_add` and `knowledge_remove` over some bases; of one node, where `shared` is a server's."""

    def __init__(self, folder: Path, *, environment=None, invoke=None, shared=None, **bases) -> None:
        self.clock = FakeClock()
        self.host = WordHost()
        self.targets: list[str] = []
        file = Database(path=folder / "knowledge.sqlite", offload=InlineOffload())
        self.database = shared or file
        self.replica = file if shared else None
        self.knowledge = Knowledge(
            configured=bases or {"notes": OWN},
            source_class=lambda kind: load(KNOWLEDGE_SOURCES[kind]),
            embedder_class=lambda kind: load(EMBEDDERS[kind]),
            database=self.database,
            replica=self.replica,
            clock=self.clock,
            offload=InlineOffload(),
            outbound=self._outbound,
            client=HttpClient(guard=EgressGuard(environment=environment or {})),
            invoke=invoke,
            kept_for=lambda function: 0.0,
        )

    def search(self, query: str, *, who: Scope | None = None, workspace="w1", **arguments) -> Answer:
        return self.knowledge.search(self._call(SEARCH, who, workspace, {"query": query, **arguments}))

    def add(self, text: str = "", *, who: Scope | None = None, workspace="w1", **arguments) -> Answer:
        given = {"text": text} if text else {}
        return self.knowledge.add(self._call(ADD, who, workspace, {**given, **arguments}))

    def add_file(self, name: str, content: bytes, **arguments) -> Answer:
        return self.add(files=[Upload(name=name, size=len(content), read=lambda: content)], **arguments)

    def remove(self, *, who: Scope | None = None, workspace="w1", **arguments) -> Answer:
        return self.knowledge.remove(self._call(REMOVE, who, workspace, arguments))

    def version(self, *, workspace="w1", **arguments) -> str | None:
        return self.knowledge.search.traits(self._call(SEARCH, None, workspace, {"query": "a", **arguments})).version

    def _call(self, operation, who, workspace, arguments) -> Call:
        call = make_call(operation.shape.check(arguments), operation=operation, clock=self.clock, scope=who or scope())
        call = replace(call, host=self.host)
        return replace(call, origin=replace(call.origin, workspace=Workspace(workspace, bytes(32))))

    def _outbound(self, attempt):
        self.targets.append(attempt.target.id)
        return attempt.send(Deadline.after(self.clock, 10))


def texts(answer: Answer) -> list[str]:
    return [item["content"] for item in answer.variables["result"]]


def documents(answer: Answer) -> list[str]:
    return [item["document"] for item in answer.variables["citations"]]
