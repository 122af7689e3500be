"""Which pool is asked, who may ask it, and functions and models of Dify as deployments."""

import pytest

from faas_toolkit.capabilities.models.conversation import asked_by
from faas_toolkit.capabilities.models.dify_fallback import DifyFallback
from faas_toolkit.capabilities.models.operations import FALLBACK
from faas_toolkit.capabilities.models.pools import dify_targets
from faas_toolkit.capabilities.models.port import Deployment
from faas_toolkit.capabilities.models.presentation import present_answer
from faas_toolkit.capabilities.models.sources.dify import DifyModel
from faas_toolkit.core.call import Scope
from faas_toolkit.core.errors import BadResponse, Failure, FunctionError, NotFound, Throttled, Unavailable
from faas_toolkit.core.host import Generated, Message
from faas_toolkit.core.outbound import LimitLine, Target
from tests.fakes.clock import FakeClock
from tests.fakes.host import FakeHost, FakeModels
from tests.fakes.models import Models

SMALL = {"provider": "vendor/x/x", "model": "small"}
LARGE = {"provider": "vendor/x/x", "model": "large"}


def dify(name, **more):
    return {"name": name, "kind": "dify", "provider": "vendor/x/x", "model": name, **more}


def pool(*names, **more):
    return {"deployments": [dify(name) for name in names], **more}


def says(text, prompt=3, completion=2):
    return [Generated(text=text, model="m"), Generated(finish_reason="stop", prompt_tokens=prompt, completion_tokens=completion)]


def answer_of(stream):
    *_, end = stream
    if end.failure is not None:
        raise end.failure
    return end.answer


def models_with(pools, functions=None, **pieces):
    return Models(pools, functions=functions, host=FakeHost(llm=FakeModels(**pieces)))


def refusal(models, arguments, **more):
    with pytest.raises(NotFound) as caught:
        models.capability(models.call({"prompt": "Hi", **arguments}, **more))
    return caught.value.as_text()


def test_without_a_name_the_first_pool_that_the_role_may_use_is_asked():
    models = models_with({"one": pool("a"), "two": pool("b")}, a=says("from a"), b=says("from b"))
    assert answer_of(models.capability(models.call({"prompt": "Hi"}))).source == "one.a"
    only_two = Scope(grants=frozenset(["model.use"]), sources={"models": ("tw*",)})
    assert answer_of(models.capability(models.call({"prompt": "Hi"}, scope=only_two))).source == "two.b"
    assert answer_of(models.capability(models.call({"prompt": "Hi", "pool": "two"}))).source == "two.b"


def test_an_unknown_and_a_forbidden_pool_are_answered_alike():
    models = models_with({"open": pool("a"), "closed": pool("b")})
    scope = Scope(grants=frozenset(["model.use"]), sources={"models": ("open",)})
    forbidden = refusal(models, {"pool": "closed"}, scope=scope)
    assert forbidden == refusal(models, {"pool": "nowher"}, scope=scope).replace("nowher", "closed")
    assert "You may use: open." in forbidden


def test_a_role_without_pools_is_told_where_they_are_named():
    scope = Scope(grants=frozenset(["model.use"]), sources={"models": ()})
    assert "your role's `models`" in refusal(models_with({"chat": pool("a")}), {}, scope=scope)


def test_without_any_pool_it_is_said_how_to_add_one():
    assert "models:\n  pools:" in refusal(models_with({}), {})
    assert "models:\n  pools:" in refusal(models_with({}), {"pool": "chat"})


def test_pools_are_listed_only_in_their_scope():
    capability = models_with({"open": pool("a", describe="Writes."), "closed": pool("b")}).capability
    (entry,) = capability.entries(Scope(grants=frozenset(["model.use"]), sources={"models": ("open",)}))
    assert (entry.name, entry.family, entry.use, entry.description) == ("open", "models", "model_generate pool=open", "Writes.")
    assert list(capability.entries(Scope(sources={"models": ("*",)}))) == []


def test_findings_name_what_cannot_be_reached():
    gone = {"name": "gone", "kind": "openai", "url": "http://127.0.0.1:9/v1", "model": "x"}
    models = models_with({"chat": {"deployments": [gone, dify("a"), {"name": "f", "kind": "function", "function": "f"}]}})
    findings = {finding.item: finding for finding in models.capability.findings(models.call({"prompt": "x"}))}
    assert findings["model:chat.gone"].status == "failed"
    assert findings["model:chat.a"].status == findings["model:chat.f"].status == "ok"


def test_a_model_of_dify_is_asked_through_the_host_with_the_call_s_sampling():
    models = models_with({"chat": pool("a")}, a=says("fine"))
    answer = answer_of(models.capability(models.call({"prompt": "Hi", "system": "S", "temperature": 0, "max_tokens": 9})))
    assert answer.variables["usage"]["total_tokens"] == 5
    ((model, messages),) = models.host.llm.asked
    assert (model.provider, model.parameters) == ("vendor/x/x", {"temperature": 0.0, "max_tokens": 9})
    assert messages == (Message("system", "S"), Message("user", "Hi"))


def test_a_conversation_is_handed_on_as_it_is():
    models = models_with({"chat": pool("a")}, a=says("fine"))
    told = [{"role": "user", "content": "1"}, {"role": "assistant", "content": "2"}, {"role": "user", "content": "3"}]
    answer_of(models.capability(models.call({"messages": told})))
    assert [(message.role, message.content) for message in models.host.llm.asked[0][1]] == [
        ("user", "1"),
        ("assistant", "2"),
        ("user", "3"),
    ]


WHOLE = {"choices": [{"message": {"content": "from the function"}}], "usage": {"prompt_tokens": 4, "completion_tokens": 3}}


def with_function(answer):
    def invoke(name, payload, call):
        invoke.asked = name, payload
        if isinstance(answer, Exception):
            raise answer
        return answer

    own = {"name": "own", "kind": "function", "function": "chat_by_function"}
    models = models_with({"chat": {"deployments": [own, dify("a")]}}, invoke, a=says("from dify"))
    return models, invoke


def test_a_function_is_sent_the_chat_contract_and_its_answer_is_the_answer():
    models, invoke = with_function(WHOLE)
    answer = answer_of(models.capability(models.call({"prompt": "Hi", "max_tokens": 5})))
    assert invoke.asked == ("chat_by_function", {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5})
    assert (answer.source, answer.variables["answer"], answer.variables["model"]) == (
        "chat.own",
        "from the function",
        "chat_by_function",
    )
    assert answer.variables["usage"]["total_tokens"] == 7


@pytest.mark.parametrize(
    "answer",
    [FunctionError("It failed."), Throttled("Busy."), "text", None, {}, {"error": "no"}, {"choices": [1]}, {"choices": []}],
)
def test_a_function_that_fails_or_answers_something_else_leads_to_the_next(answer):
    models, _ = with_function(answer)
    assert answer_of(models.capability(models.call({"prompt": "Hi"}))).source == "chat.a"


# model_fallback


def fallback(models, **arguments):
    capability = DifyFallback(generation=models.generation, targets=dify_targets(models.config))
    call = models.call({"prompt": "Hi", "model": SMALL, "fallback_model": LARGE, **arguments}, operation=FALLBACK)
    return capability(call), call


def test_the_first_model_answers_and_what_the_builder_set_for_it_is_kept():
    models = models_with({}, small=says("from small"))
    chosen = {**SMALL, "mode": "completion", "completion_params": {"temperature": 1, "top_p": 0.5, "max_tokens": 900}}
    stream, _ = fallback(models, model=chosen, max_tokens=5)
    assert answer_of(stream).source == "vendor/x/x/small"
    model, _ = models.host.llm.asked[0]
    assert (model.mode, model.parameters) == ("completion", {"temperature": 1, "top_p": 0.5, "max_tokens": 5})


def test_the_second_answers_where_the_first_does_not_begin_and_not_where_it_breaks_off():
    models = models_with({}, small=[Unavailable("It is away.")], large=says("from large"))
    assert answer_of(fallback(models)[0]).source == "vendor/x/x/large"
    models = models_with({}, small=[Generated(text="I am "), Unavailable("It is away.")], large=says("from large"))
    with pytest.raises(Unavailable, match="incomplete"):
        answer_of(fallback(models)[0])


def test_a_model_that_says_nothing_is_a_bad_response():
    models = models_with({}, small=[Generated(finish_reason="stop")], large=[])
    with pytest.raises(BadResponse, match="None of 2"):
        fallback(models)


def test_limits_of_the_builder_hold_beside_those_of_the_catalog_and_both_are_settled():
    catalog = {"chat": {"deployments": [dify("small", limits=[{"requests": 2, "per": "60s"}, {"tokens": 1_000, "per": "60s"}])]}}
    models = models_with(catalog, small=says("from small"), large=says("from large"))
    sources = [answer_of(fallback(models, tokens_per_minute=10_000, max_wait=0)[0]).source for _ in range(3)]
    assert sources == ["vendor/x/x/small", "vendor/x/x/small", "vendor/x/x/large"], "the catalog allows two"
    assert models.booked("model:chat.small").used == {"requests": 2, "tokens": 10}
    assert models.booked("app:app:vendor/x/x/small:/10000").used == {"tokens": 10}
    assert models.booked("app:app:vendor/x/x/large:/10000").used == {"tokens": 5}


def test_both_gates_of_a_model_share_one_wait(monkeypatch):
    monkeypatch.setattr("tests.fakes.models.SystemClock", FakeClock)
    models = models_with({}, small=says("from small"))

    def target(name, seconds):
        return Target(id=name, limits=(LimitLine("requests", 1, seconds),), attempts=1)

    source = DifyModel(provider="vendor/x/x", model="small")
    deployment = Deployment(name="small", model="small", source=source, target=target("model", 10), also=target("app", 5))

    def ask(max_wait):
        call = models.call({"prompt": "Hi"})
        return answer_of(models.generation(deployment, asked_by(call.arguments), call, max_wait))

    ask(0)
    with pytest.raises(Throttled):
        ask(6)
    assert models.clock.monotonic() < 1_006, "the model's own gate had one second left"


@pytest.mark.parametrize("name", ["x" * 201, "x" * 500_000])
@pytest.mark.parametrize("key", ["provider", "model"])
def test_a_name_that_no_model_of_dify_has_is_refused_and_not_repeated(name, key):
    with pytest.raises(Failure, match=rf"fallback_model\.{key}") as caught:
        fallback(models_with({}), fallback_model={**SMALL, key: name})
    assert len(caught.value.as_text()) < 300


def test_models_are_forgotten_when_there_are_many():
    models = models_with({}, small=says("from small"))
    for number in range(1_100):
        fallback(models, model={"provider": f"p{number}", "model": "small"})[0].close()
    assert len(models.generation._expectations) <= 1_000


def test_what_the_catalog_s_limit_refuses_is_not_counted_for_the_app():
    models = models_with(
        {"chat": {"deployments": [dify("small", limits=[{"requests": 1, "per": "60s"}])]}}, small=says("x"), large=says("y")
    )
    sources = [answer_of(fallback(models, requests_per_minute=10, max_wait=0)[0]).source for _ in range(2)]
    assert sources == ["vendor/x/x/small", "vendor/x/x/large"]
    assert models.booked("app:app:vendor/x/x/small:10/").used == {"requests": 1}


def test_an_answer_is_presented_as_it_is_and_cut_with_a_word():
    assert present_answer({"answer": "fine"}, 100) == "fine"
    cut = present_answer({"answer": "x" * 10_000}, 8_000)
    assert len(cut) == 8_000
    assert "10,000 characters in all" in cut
    assert len(present_answer({"answer": "x" * 100}, 10)) == 10
