"""Customers for tests: a store in a temporary file, sources that say what they are told to, and calls of `crm_lookup`."""

from dataclasses import replace

from faas_toolkit.capabilities.crm.capability import CrmCapability
from faas_toolkit.capabilities.crm.fields import ENTITIES
from faas_toolkit.capabilities.crm.filters import parse_filters
from faas_toolkit.capabilities.crm.operations import LOOKUP
from faas_toolkit.capabilities.crm.port import CrmRecord, Found, Lookup, Strength
from faas_toolkit.capabilities.crm.query import Query
from faas_toolkit.capabilities.crm.sources.embedded.source import EmbeddedCrm
from faas_toolkit.capabilities.crm.sources.embedded.writing import Draft, store
from faas_toolkit.core.call import Answer, Scope, Workspace
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Failure
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.core.outbound import Target
from faas_toolkit.state.sqlite_database import SqliteDatabase as Database
from tests.fakes.calls import make_call
from tests.fakes.clock import FakeClock

EVERYTHING = Scope(grants=frozenset({"crm.read"}), sources={"crm": ("*",)})

ACME = [
    Draft("company", 1, {"name": "Acme Ltd", "domain": "acme.example", "city": "Leeds", "owner": "mei.lin"}),
    Draft("company", 2, {"name": "Ácme Foods Ltda", "domain": "zztrading.com.br", "phone": "+55 11 0444-5555"}),
    Draft(
        "person",
        1,
        {
            "name": "Maria Silva",
            "title": "CEO",
            "company": 1,
            "email": "Maria.Silva@acme.example",
            "phone": "+44 20 7946 0123",
            "owner": "mei.lin",
        },
    ),
    Draft("person", 2, {"name": "Maria Silva", "title": "Buyer", "company": 2, "email": "maria@zztrading.com.br"}),
    Draft("person", 3, {"name": "张伟", "company": 1, "phone": "021 0555 1234"}),
    Draft("person", 4, {"name": "João Conceição", "company": 2, "also_known_as": "Johnny", "email": "buyer71@zztrading.com.br"}),
    Draft(
        "deal",
        1,
        {"name": "Renewal", "stage": "won", "open": False, "amount": 1200.5, "currency": "GBP", "company": 1, "person": 1},
    ),
    Draft(
        "deal",
        2,
        {
            "name": "Pilot",
            "stage": "proposal",
            "open": True,
            "amount": 99,
            "currency": "GBP",
            "company": 1,
            "person": 1,
            "close_date": "2026-12-01",
        },
    ),
    Draft("ticket", 1, {"name": "Cannot sign in", "status": "open", "open": True, "priority": "high", "company": 1, "person": 1}),
    Draft(
        "activity",
        1,
        {"name": "Call", "kind": "call", "date": "2026-11-01", "text": "Asked about robots.", "company": 1, "deal": 2},
    ),
]


class Store:
    """The embedded store in a file of its own."""

    def __init__(self, path, clock=None) -> None:
        self.clock = clock or FakeClock()
        self.path = path
        self.database = Database(path=path, offload=InlineOffload())
        self.source = EmbeddedCrm(database=self.database, clock=self.clock, target=Target(id="crm:main"))

    def add(self, workspace="w1", drafts=ACME) -> None:
        self.database.write(lambda connection: store(connection, workspace, drafts))

    def find(self, text=None, *, workspace="w1", entities=ENTITIES, filters=None, hidden=(), **more) -> Found:
        conditions, entities = parse_filters(filters or {}, entities, frozenset(hidden))
        lookup = Lookup(
            call=make_call(origin_workspace=Workspace(workspace, bytes(32))),
            query=Query(text) if text is not None else None,
            entities=entities,
            conditions=conditions,
            hidden=frozenset(hidden),
            **more,
        )
        return self.source.find(lookup, Deadline.after(self.clock, 10))


def ids(found: Found) -> list[str]:
    return [record.id for record in found.records]


class FakeSource:
    """A source that gives its records in order, or fails."""

    kind = "fake"
    local = False
    fresh_for = 0.0

    def __init__(self, *records: CrmRecord, version="1", failure: Failure | None = None, rivals=0) -> None:
        self.records = records
        self.counter = version
        self.failure = failure
        self.rivals = rivals
        self.lookups: list[Lookup] = []

    def find(self, lookup, deadline):
        self.lookups.append(lookup)
        if self.failure:
            raise self.failure
        page = self.records[lookup.offset : lookup.offset + lookup.limit]
        best = max((record.strength for record in self.records), default=None)
        return Found(records=page, total=len(self.records), version=self.counter, best=best, rivals=self.rivals)

    def version(self, workspace):
        if self.failure:
            raise self.failure
        return self.counter

    def check(self, workspace, deadline):
        if self.failure:
            raise self.failure
        return "fine"


def a_person(number, strength=Strength.WORDS, **values) -> CrmRecord:
    return CrmRecord(entity="person", key=str(number), values={"name": f"Person {number}", **values}, strength=strength)


class Lookups:
    """`crm_lookup` over some sources, without the policies around it."""

    def __init__(self, **sources) -> None:
        self.targets = []
        for name, source in sources.items():
            if isinstance(source, FakeSource):
                source.target = Target(id=f"crm:{name}")
        self.capability = CrmCapability(sources=sources, outbound=self._outbound)

    def __call__(self, *, scope=EVERYTHING, workspace=None, **arguments) -> Answer:
        return self.capability(self.call(scope=scope, workspace=workspace, **arguments))

    def call(self, *, scope=EVERYTHING, workspace=None, **arguments):
        call = make_call(LOOKUP.shape.check(arguments), operation=LOOKUP, scope=scope)
        if workspace is None:
            return call
        return replace(call, origin=replace(call.origin, workspace=Workspace(workspace, workspace.encode().ljust(32))))

    def _outbound(self, attempt):
        self.targets.append(attempt.target.id)
        return attempt.send(Deadline.after(FakeClock(), 10))
