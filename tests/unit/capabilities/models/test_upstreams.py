"""A pool in front of real servers that refuse, throttle, cut, stall and talk nonsense."""

import json
import time
from contextlib import ExitStack

import pytest

from faas_toolkit.capabilities.models.tokens import estimate, estimate_messages
from faas_toolkit.core.errors import BadResponse, Blocked, Failure, InvalidInput, Throttled, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.core.host import Message
from faas_toolkit.core.stream import End, Stream
from tests.fakes.models import Models
from tests.fakes.openai_server import END, HEAD, chunk, event, openai_at, plays, refuses, says, usage, words
from tests.fakes.servers import serving

PROMPT = {"prompt": "How are you?"}
ESTIMATED = estimate_messages([Message("user", "How are you?")])
LIMITS = [{"requests": 100, "per": "60s"}, {"tokens": 10_000, "per": "60s"}]


@pytest.fixture
def pool():
    """A pool of one server for each script; the servers, and what asks them."""
    with ExitStack() as stack:

        def make(*scripts, limits=LIMITS, **more):
            servers = [stack.enter_context(serving(script)) for script in scripts]
            deployments = [
                openai_at(server.port, name, limits=limits, **more)
                for server, name in zip(servers, ("main", "second", "third"), strict=False)
            ]
            models = Models({"chat": {"deployments": deployments}}, ports=[server.port for server in servers])
            stack.callback(models.client.close)
            return models, servers

        yield make


def read(models, arguments=PROMPT, **deadlines):
    """Everything the caller sees: the pieces, the end, and the call."""
    call = models.call(arguments, **deadlines)
    stream = models.capability(call)
    assert isinstance(stream, Stream)
    *pieces, end = stream
    return pieces, end, call


def failure_of(models, arguments=PROMPT, **deadlines) -> Failure:
    with pytest.raises(Failure) as caught:
        models.capability(models.call(arguments, **deadlines))
    return caught.value


def test_an_answer_comes_in_pieces_and_ends_with_everything(pool):
    models, (server,) = pool(says("I am", " fine", ", 谢谢"))
    pieces, end, call = read(models, {**PROMPT, "system": "Be brief.", "temperature": 0.5, "max_tokens": 50})
    assert pieces == ["I am", " fine", ", 谢谢"]
    assert end.failure is None
    assert end.answer.source == "chat.main"
    assert end.answer.variables == {
        "answer": "I am fine, 谢谢",
        "structured": {},
        "model": "served-model",
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18, "estimated": False},
        "cost": {},
        "finish_reason": "stop",
    }
    assert call.record.tokens == {"prompt": 11, "completion": 7}
    assert json.loads(server.exchanges[0].body) == {
        "model": "large",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "How are you?"}],
        "temperature": 0.5,
        "max_tokens": 50,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert server.exchanges[0].first_line == "POST /v1/chat/completions HTTP/1.1"


def pings_after(*parts):
    def script(exchange):
        exchange.send(HEAD + b"".join(parts))
        while not exchange.closing.wait(0.02):
            exchange.send(chunk(b": ping\n\n"))

    return script


@pytest.mark.parametrize("end", [event("[DONE]"), words("", finish="stop"), words("", finish="stop") + usage(11, 7)])
@pytest.mark.parametrize("lives_on", [pings_after, lambda *parts: plays(HEAD, *parts, hold=10)])
def test_signs_of_life_after_the_end_of_the_answer_do_not_hold_the_call(pool, end, lives_on):
    models, _ = pool(lives_on(words("fine"), end))
    started = time.monotonic()
    pieces, closing, _ = read(models)
    assert (pieces, closing.failure) == (["fine"], None)
    assert time.monotonic() - started < 8
    assert models.booked("model:chat.main").pending == 0


@pytest.mark.parametrize(
    "body",
    [plays(b"Content-Length: 900\r\n\r\n{", hold=10), plays(b"Content-Encoding: gzip, gzip\r\nContent-Length: 2\r\n\r\n{}")],
)
def test_a_refusal_is_understood_although_its_words_never_come(pool, body):
    def script(exchange):
        exchange.send(b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nContent-Type: application/json\r\n")
        return body(exchange)

    models, _ = pool(script)
    started = time.monotonic()
    failure = failure_of(models)
    assert isinstance(failure, Throttled)
    assert failure.retry_after == 30
    assert time.monotonic() - started < 1.9
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": 0}


def test_what_broke_off_with_a_429_keeps_what_had_come(pool):
    models, _ = pool(plays(HEAD, words("I am "), event({"error": {"message": "rate_limit exceeded"}})))
    _, end, _ = read(models)
    assert end.failure.kind == "throttled"
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": ESTIMATED + estimate("I am ")}


def test_a_usage_of_nothing_is_not_believed_of_an_answer_that_says_something(pool):
    models, _ = pool(says("fine", tokens=(0, 0)))
    _, end, _ = read(models)
    assert end.answer.variables["usage"]["estimated"] is True
    assert models.booked("model:chat.main").used["tokens"] == ESTIMATED + estimate("fine")


@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        (["a\ud83d", "\ude00b"], "a😀b"),
        (["\ud83d", "\ude00"], "😀"),
        (["\ud83d", "x", "\ude00"], "\ufffdx\ufffd"),
        (["谢\ud83d"], "谢\ufffd"),
    ],
)
def test_a_character_whose_halves_come_apart_is_put_together(pool, pieces, answer):
    parts = [chunk(b"data: " + json.dumps({"choices": [{"delta": {"content": piece}}]}).encode() + b"\n\n") for piece in pieces]
    models, _ = pool(plays(HEAD, *parts, END))
    read_pieces, end, _ = read(models)
    assert "".join(read_pieces) == end.answer.variables["answer"] == answer


def test_a_model_that_thinks_and_says_nothing_is_charged_for_its_thoughts(pool):
    models, _ = pool(plays(HEAD, words("", finish="length"), usage(11, 4_000), END))
    call = models.call({**PROMPT, "max_tokens": 100})
    with pytest.raises(InvalidInput, match="max_tokens"):
        models.capability(call)
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": 4_011}
    assert call.record.tokens == {"prompt": 11, "completion": 4_000}


def test_an_error_without_words_is_told_without_words(pool):
    models, _ = pool(plays(HEAD, event({"error": [[[1]]]})))
    assert failure_of(models).message == "Model 'chat.main' broke off with an error of its own."


def test_a_limit_of_tokens_is_settled_to_what_was_really_used(pool):
    models, _ = pool(says("fine"))
    call = models.call({**PROMPT, "max_tokens": 500})
    stream = models.capability(call)
    assert models.booked("model:chat.main").used["tokens"] == ESTIMATED + 500
    assert models.booked("model:chat.main").pending == 1
    list(stream)
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": 18}
    assert models.booked("model:chat.main").pending == 0


def test_a_connection_serves_the_next_answer_too(pool):
    models, (server,) = pool(says("fine"))
    for _ in range(3):
        read(models)
    assert (server.connections, len(server.exchanges)) == (1, 3)


def test_a_server_that_answers_whole_is_read_too(pool):
    whole = {
        "model": "old",
        "choices": [{"message": {"content": "all at once"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    models, _ = pool(lambda exchange: exchange.answer(json.dumps(whole).encode()))
    pieces, end, _ = read(models)
    assert pieces == ["all at once"]
    assert end.answer.variables["finish_reason"] == "stop"
    assert end.usage == {"tokens": 5}


# What happens before the first word: the next deployment answers.


def test_refused_connections_lead_to_the_next_and_give_everything_back(pool):
    _, (second,) = pool(says("from the second"))
    with serving(says("never")) as gone:
        port = gone.port
    models = Models(
        {"chat": {"deployments": [openai_at(port, limits=LIMITS), openai_at(second.port, "second", limits=LIMITS)]}},
        ports=[port, second.port],
    )
    pieces, end, call = read(models)
    assert (pieces, end.answer.source) == (["from the second"], "chat.second")
    assert models.booked("model:chat.main").used == {"requests": 0, "tokens": 0}
    assert models.booked("model:chat.second").used == {"requests": 1, "tokens": 18}
    assert [(attempt.target, attempt.outcome) for attempt in call.record.attempts] == [
        ("model:chat.main", "unavailable"),
        ("model:chat.second", "ok"),
    ]
    assert gone.exchanges == []


def test_a_429_leads_to_the_next_and_is_left_alone_until_its_retry_after(pool):
    models, (main, second) = pool(refuses("429 Too Many Requests", headers="Retry-After: 30"), says("from the second"))
    for _ in range(3):
        assert read(models)[0] == ["from the second"]
    assert (len(main.exchanges), len(second.exchanges)) == (1, 3)
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": 0}
    assert models.booked("model:chat.second").used == {"requests": 3, "tokens": 54}


def cut_before_the_first_word(exchange):
    exchange.send(HEAD + words(""))
    return True


def test_a_cut_before_the_first_word_leads_to_the_next_and_keeps_what_was_reserved(pool):
    models, (main, second) = pool(cut_before_the_first_word, says("from the second"))
    pieces, end, _ = read(models, {**PROMPT, "max_tokens": 100})
    assert (pieces, end.failure) == (["from the second"], None)
    assert (len(main.exchanges), len(second.exchanges)) == (1, 1)
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": ESTIMATED + 100}


def test_a_stall_before_the_first_word_leads_to_the_next_within_its_timeout(pool):
    models, (main, second) = pool(plays(HEAD, chunk(b": ping\n\n"), hold=10), says("from the second"), timeout=0.4)
    started = time.monotonic()
    assert read(models)[0] == ["from the second"]
    assert time.monotonic() - started < 5
    assert (len(main.exchanges), len(second.exchanges)) == (1, 1)


def pings(exchange):
    exchange.send(HEAD)
    while not exchange.closing.wait(0.05):
        exchange.send(chunk(b": ping\n\n"))


def test_signs_of_life_win_no_time(pool):
    models, _ = pool(pings, says("from the second"), timeout=0.4)
    assert read(models)[0] == ["from the second"]


# What happens after it: nobody else is asked, and the caller sees that the answer is incomplete.


def test_a_cut_after_the_first_word_ends_visibly_and_is_counted_with_what_arrived(pool):
    models, (main, second) = pool(plays(HEAD, words("I am "), words("fi"), cut=True), says("from the second"))
    pieces, end, call = read(models)
    assert pieces == ["I am ", "fi"]
    assert isinstance(end.failure, TimeoutUnknown)
    assert "incomplete: it broke off after 7 characters" in end.failure.message
    assert end.answer is None
    assert end.usage == {"tokens": ESTIMATED + estimate("I am fi")}
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": ESTIMATED + estimate("I am fi")}
    assert (len(main.exchanges), len(second.exchanges)) == (1, 0)
    assert call.record.attempts[-1].outcome == "timeout_unknown"


def test_a_stall_after_the_first_word_ends_visibly_at_the_idle_time(pool):
    models, (main, second) = pool(plays(HEAD, words("I am "), hold=10), says("from the second"))
    started = time.monotonic()
    pieces, end, _ = read(models, idle=0.4)
    assert time.monotonic() - started < 5
    assert pieces == ["I am "]
    assert isinstance(end.failure, TimeoutUnknown)
    assert "incomplete" in end.failure.message
    assert models.booked("model:chat.main").used == {"requests": 1, "tokens": ESTIMATED + estimate("I am ")}
    assert (len(main.exchanges), len(second.exchanges)) == (1, 0)


def drips(exchange):
    exchange.send(HEAD)
    while not exchange.closing.wait(0.05):
        exchange.send(words("and "))


def test_an_answer_that_never_ends_is_ended_by_the_total(pool):
    models, _ = pool(drips)
    started = time.monotonic()
    pieces, end, _ = read(models, total=0.8)
    assert time.monotonic() - started < 5
    assert len(pieces) > 3
    assert isinstance(end.failure, TimeoutUnknown)


@pytest.mark.parametrize(
    ("rest", "kind"),
    [
        (b"0\r\n\r\n", "bad_response"),  # neither finish_reason nor [DONE]
        (event("{not json"), "bad_response"),
        (event("[1]"), "bad_response"),
        (event({"choices": "none"}), "bad_response"),
        (event({"error": {"message": "overloaded", "type": "server_error"}}), "bad_response"),
        (event({"error": {"message": "rate_limit exceeded"}}), "throttled"),
        (chunk(b"data: \xff\n\n"), "bad_response"),
        (b"zz\r\n", "bad_response"),
    ],
)
def test_nonsense_after_the_first_word_is_never_a_good_end(pool, rest, kind):
    models, (_, second) = pool(plays(HEAD, words("I am "), rest), says("from the second"))
    pieces, end, _ = read(models)
    assert pieces == ["I am "]
    assert end.failure.kind == kind
    assert "incomplete" in end.failure.message
    assert second.exchanges == []


@pytest.mark.parametrize(
    "script",
    [
        plays(HEAD, event("[DONE]"), b"0\r\n\r\n"),
        plays(HEAD, b"0\r\n\r\n"),
        plays(HEAD, event("{not json")),
        plays(HEAD, event({"error": {"message": "overloaded"}})),
        lambda exchange: exchange.answer(b'{"error": {"message": "overloaded"}}'),
        lambda exchange: exchange.answer(b"<html>Log in</html>", headers="Content-Type: text/html"),
        lambda exchange: exchange.answer(b"{}"),
        lambda exchange: exchange.send(b"garbage\r\n\r\n"),
        refuses("302 Found", headers="Location: http://169.254.169.254/"),
        refuses("401 Unauthorized"),
        refuses("404 Not Found"),
        refuses("500 Internal Server Error"),
        refuses("503 Service Unavailable", headers="Retry-After: 1"),
        refuses("529 Overloaded"),
        refuses("504 Gateway Timeout"),
        refuses("413 Payload Too Large"),
        refuses("400 Bad Request", {"error": {"code": "context_length_exceeded", "message": "too long"}}),
        refuses("429 Too Many Requests", {"error": {"code": "insufficient_quota", "message": "pay"}}),
        refuses("429 Too Many Requests", headers="retry-after-ms: 1500"),
        refuses("429 Too Many Requests", headers="Retry-After: Fri, 27 Nov 2099 10:00:00 GMT"),
    ],
)
def test_whatever_goes_wrong_before_the_first_word_the_next_one_answers(pool, script):
    models, _ = pool(script, says("from the second"))
    assert read(models)[0] == ["from the second"]


@pytest.mark.parametrize(
    ("script", "failure", "told"),
    [
        (refuses("400 Bad Request", {"error": {"message": "temperature is too hot"}}), InvalidInput, "too hot"),
        (refuses("422 Unprocessable", {"detail": "no such role"}), InvalidInput, "no such role"),
        (refuses("400 Bad Request", {"error": {"code": "content_filter", "message": "violence"}}), Blocked, "violence"),
        (plays(HEAD, words("", finish="content_filter"), END), Blocked, "content filter"),
        (plays(HEAD, words("", finish="length"), END), InvalidInput, "max_tokens"),
    ],
)
def test_what_is_wrong_with_the_request_is_not_shopped_around(pool, script, failure, told):
    models, (_, second) = pool(script, says("from the second"))
    caught = failure_of(models)
    assert isinstance(caught, failure)
    assert told in caught.message
    assert second.exchanges == []


@pytest.mark.parametrize(
    ("script", "failure", "told"),
    [
        (refuses("401 Unauthorized", {"error": {"message": "bad key"}}), Unavailable, "`models.pools.chat.deployments.main`"),
        (refuses("404 Not Found", {"error": {"message": "no such model"}}), Unavailable, "/v1"),
        (refuses("429 Too Many Requests", {"error": {"code": "insufficient_quota"}}), Unavailable, "account"),
        (refuses("413 Payload Too Large"), TooLarge, "413"),
        (refuses("408 Request Timeout"), TimeoutUnknown, "408"),
        (refuses("418 I'm a teapot"), InvalidInput, "418"),
    ],
)
def test_a_pool_of_one_says_what_its_server_said(pool, script, failure, told):
    models, _ = pool(script)
    caught = failure_of(models)
    assert isinstance(caught, failure)
    assert told in caught.as_text()


def test_a_wrong_key_is_never_worth_a_repetition(pool):
    models, (server,) = pool(refuses("401 Unauthorized"))
    assert not failure_of(models).retryable
    assert len(server.exchanges) == 1
    assert models.booked("model:chat.main").used == {"requests": 0, "tokens": 0}


def test_when_nobody_answers_each_is_named_and_the_shortest_wait_told(pool):
    models, _ = pool(
        refuses("429 Too Many Requests", headers="Retry-After: 40"),
        refuses("429 Too Many Requests", headers="Retry-After: 20"),
    )
    failure = failure_of(models)
    assert isinstance(failure, Throttled)
    assert failure.retry_after == 20
    assert failure.not_executed
    assert all(name in failure.message for name in ("None of 2", "chat.main", "chat.second"))
    again = failure_of(models)
    assert isinstance(again, Throttled)
    assert again.retry_after == pytest.approx(20, abs=2)


def test_different_reasons_become_unavailable(pool):
    models, _ = pool(refuses("429 Too Many Requests"), refuses("500 Internal Server Error"))
    failure = failure_of(models)
    assert isinstance(failure, Unavailable)
    assert failure.retryable


def test_an_address_that_the_guard_closes_counts_as_a_deployment_that_is_not_there(pool):
    _, (server,) = pool(says("from the second"))
    closed = {"name": "closed", "kind": "openai", "url": "http://127.0.0.1:1/v1", "model": "x"}
    both = Models({"chat": {"deployments": [closed, openai_at(server.port, "second")]}}, ports=[server.port])
    pieces, _, call = read(both)
    assert pieces == ["from the second"]
    assert call.record.attempts[0].outcome == "unavailable"


def test_a_limit_that_has_no_place_in_time_leads_to_the_next(pool):
    limits = [{"requests": 1, "per": "3s"}]  # a wait of the pool's 5 s would find a place
    models, (main, second) = pool(says("first"), says("second"), limits=limits)
    assert [read(models, {**PROMPT, "max_wait": 0})[0] for _ in range(2)] == [["first"], ["second"]]
    assert isinstance(failure_of(models, {**PROMPT, "max_wait": 0}), Throttled)
    assert (len(main.exchanges), len(second.exchanges)) == (1, 1)


def test_a_place_that_is_free_in_time_is_waited_for(pool):
    models, (main, second) = pool(says("first"), says("second"), limits=[{"requests": 1, "per": "500ms"}])
    assert [read(models)[0] for _ in range(2)] == [["first"], ["first"]]
    assert (len(main.exchanges), len(second.exchanges)) == (2, 0)


def test_an_answer_may_go_on_for_longer_than_its_first_words_may_take(pool):
    def slow(exchange):
        exchange.send(HEAD + words("I am "))
        exchange.closing.wait(0.8)
        exchange.send(words("fine", finish="stop") + END)

    models, _ = pool(slow, timeout=0.4)
    pieces, end, _ = read(models)
    assert (pieces, end.failure) == (["I am ", "fine"], None)


def test_a_prompt_above_one_deployment_s_limit_is_given_to_the_next(pool):
    with serving(says("small")) as small, serving(says("large")) as large:
        models = Models(
            {
                "chat": {
                    "deployments": [
                        openai_at(small.port, limits=[{"tokens": 50, "per": "60s"}]),
                        openai_at(large.port, "second"),
                    ]
                }
            },
            ports=[small.port, large.port],
        )
        assert read(models, {"prompt": "word " * 200})[0] == ["large"]
        assert small.exchanges == []


def test_a_reader_who_closes_early_settles_with_what_had_come_and_drops_the_connection(pool):
    models, _ = pool(plays(HEAD, words("I am "), words("fine"), hold=10))
    stream = models.capability(models.call(PROMPT))
    assert next(stream) == "I am "
    stream.close()
    booked = models.booked("model:chat.main")
    assert (booked.pending, booked.used["tokens"]) == (0, ESTIMATED + estimate("I am "))


def test_a_stream_that_nobody_reads_settles_when_it_is_let_go(pool):
    models, _ = pool(says("fine"))
    models.capability(models.call(PROMPT))
    assert models.booked("model:chat.main").pending == 0


def test_usage_is_estimated_where_the_server_does_not_say(pool):
    models, _ = pool(plays(HEAD, words("fine", finish="stop"), END))
    _, end, _ = read(models)
    assert end.answer.variables["usage"]["estimated"] is True
    assert end.usage == {"tokens": ESTIMATED + estimate("fine")}


@pytest.mark.parametrize(
    "counts", ["many", {"prompt_tokens": -1, "completion_tokens": 2}, {"prompt_tokens": True}, {"prompt_tokens": 1e300}]
)
def test_a_usage_that_is_none_is_not_believed(pool, counts):
    models, _ = pool(plays(HEAD, words("fine", finish="stop"), event({"choices": [], "usage": counts}), END))
    assert read(models)[1].answer.variables["usage"]["estimated"] is True


def test_an_end_of_the_answer_counts_although_the_connection_breaks_after_it(pool):
    models, _ = pool(plays(HEAD, words("fine", finish="stop"), cut=True))
    pieces, end, _ = read(models)
    assert (pieces, end.failure) == (["fine"], None)


def test_an_answer_cut_by_max_tokens_says_so(pool):
    models, _ = pool(plays(HEAD, words("fi", finish="length"), usage(3, 1), END))
    _, end, _ = read(models)
    assert end.answer.variables["finish_reason"] == "length"
    assert end.answer.partial
    assert "max_tokens" in end.answer.notices[0]


def test_a_flood_is_ended(pool):
    def flood(exchange):
        exchange.send(HEAD)
        for _ in range(2_000):
            exchange.send(words("x" * 1_000))
        exchange.send(END)

    models, _ = pool(flood)
    pieces, end, _ = read(models)
    assert sum(map(len, pieces)) <= 1_000_000
    assert isinstance(end.failure, TooLarge)


def test_a_line_without_end_is_ended(pool):
    models, _ = pool(plays(HEAD, *[chunk(b"data: " + b"x" * 100_000)] * 11))
    assert isinstance(failure_of(models), BadResponse)


def test_an_event_in_many_packets_and_many_in_one_are_read_alike(pool):
    def dribble(exchange):
        data = b"data: " + json.dumps({"choices": [{"delta": {"content": "名前"}}]}, ensure_ascii=False).encode() + b"\r\n\r\n"
        exchange.send(HEAD)
        for byte in data:
            exchange.send(chunk(bytes([byte])))
        exchange.send(chunk(data * 2) + words("", finish="stop") + END)

    models, _ = pool(dribble)
    assert "".join(read(models)[0]) == "名前" * 3


def test_ends_stand_last(pool):
    models, _ = pool(says("fine"))
    stream = models.capability(models.call(PROMPT))
    assert [isinstance(item, End) for item in stream] == [False, True]
