"""The order of the front is a decision: it is stated once, kept by the real chain, and a wrong one does not start."""

import time

import pytest

from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import Forbidden, Internal
from faas_toolkit.pipeline.access import Access
from faas_toolkit.pipeline.admission import Admission
from faas_toolkit.pipeline.audit import Audit
from faas_toolkit.pipeline.cache import Cache
from faas_toolkit.pipeline.consult import Consult
from faas_toolkit.pipeline.enrich import Enrich
from faas_toolkit.pipeline.front import FRONT_ORDER, compose
from faas_toolkit.pipeline.intent import Intent
from faas_toolkit.pipeline.review import Review
from faas_toolkit.pipeline.validation import Validation
from tests.fakes.calls import End, make_call


class Named:
    def __init__(self, name, seen):
        self.name, self.seen = name, seen

    def __call__(self, call, proceed):
        self.seen.append(f"> {self.name}")
        answer = proceed(call)
        self.seen.append(f"< {self.name}")
        return answer


def test_the_order_of_the_front_is_the_design_s():
    assert FRONT_ORDER == ("audit", "validation", "access", "admission", "consult", "review", "cache", "intent", "enrich")


def test_every_name_in_the_order_is_a_policy():
    classes = (Audit, Validation, Access, Admission, Consult, Review, Cache, Intent, Enrich)
    assert tuple(made.__name__.lower() for made in classes) == FRONT_ORDER


def test_the_first_policy_is_the_outermost_on_the_way_in_and_out():
    seen = []
    handle = compose((Named("a", seen), Named("b", seen)), End())
    assert isinstance(handle(make_call()), Answer)
    assert seen == ["> a", "> b", "< b", "< a"]


def test_a_failure_passes_every_policy_on_its_way_out():
    seen = []
    with pytest.raises(Forbidden):
        compose((Named("a", seen), Named("b", seen)), End(Forbidden("no")))(make_call())
    assert seen == ["> a", "> b"]


def test_a_wrong_order_does_not_start():
    enrich, consult = Enrich(after={}, invoke=None), Consult(before={}, invoke=None)
    with pytest.raises(Internal, match="enrich > consult"):
        compose((enrich, consult), End())


def test_the_same_policy_twice_does_not_start():
    with pytest.raises(Internal):
        compose((Validation(), Validation()), End())


def test_policies_may_be_left_out_but_not_moved():
    end = End()
    compose((Validation(), Review(), Enrich(after={}, invoke=None)), end)(make_call())
    assert len(end.calls) == 1


def test_eight_policies_cost_microseconds():
    class Through:
        def __call__(self, call, proceed):
            return proceed(call)

    handle, call = compose((Through(),) * 8, End()), make_call()
    best = 1.0
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(100):
            handle(call)
        best = min(best, (time.perf_counter() - started) / 100)
    assert best < 50e-6
