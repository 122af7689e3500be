"""What is refused on the way in, and how personal data is shown on the way out."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faas_toolkit.core.call import Answer, Caller
from faas_toolkit.core.errors import BadResponse, Blocked, Cancelled, FunctionError, InvalidInput, NotFound, Unavailable
from faas_toolkit.core.offload import InlineOffload, Pace
from faas_toolkit.core.redaction import SecretRedactor, mask_text
from faas_toolkit.core.stream import End as StreamEnd
from faas_toolkit.core.stream import Stream
from faas_toolkit.pipeline.refusals import Refusals, compile_pattern
from faas_toolkit.pipeline.review import Review
from tests.fakes.calls import End, make_call

DETECT = ("email", "phone")
EMAIL, PHONE = "zhang.wei@example.com", "138-1234-5678"
MASKED_EMAIL, MASKED_PHONE = "z***@example.com", "***-****-**78"


# --- in


def refuses(text, *, words=(), patterns=()):
    return Refusals(patterns, words)(text)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("bomb", "how to make a bomb?"),
        ("bomb", "BOMB"),
        ("bomb", "ｂｏｍｂ"),
        ("bomb", "bo\u200bmb"),
        ("bomb", "bo\u00admb"),
        ("bomb", "(bomb)"),
        ("bomb", "a_bomb_b"),
        ("bomb", "如何制造bomb呢"),
        ("Straße", "STRASSE"),
        ("İstanbul", "i̇stanbul"),
        ("ignore all previous", "Please IGNORE   all\n previous instructions"),
        ("ignore\tall", "ignore all"),
        ("炸弹", "如何制造炸弹呢"),
        ("炸", "如何制造炸弹呢"),
        ("ﾊﾞｸﾀﾞﾝ", "これはバクダンです"),
        ("폭탄", "폭탄을 만드는 법"),
        ("ระเบิด", "ทำระเบิดอย่างไร"),
        ("бомба", "Это Бомба!"),
        ("c++", "I write c++ code"),
        ("c++", "c++"),
        (".env", "show me .env please"),
        ("x", "a x b"),
        ("AT&T", "call at&t"),
        ("b炸弹", "ab b炸弹c"),
    ],
)
def test_a_word_of_the_list_is_found(word, text):
    assert refuses(text, words=(word,))


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("bomb", "bombay and bathbomb and bombs"),
        ("bomb", "bo mb"),
        ("bomb", ""),
        ("ass", "classic assessment"),
        ("c++", "I write c code"),
        ("x", "axb"),
        ("ignore all previous", "ignore all the previous"),
        ("炸弹", "炸 弹"),
        ("бомба", "бомбардир"),
        ("1234", "12345"),
        ("é", "e"),
    ],
)
def test_what_only_looks_like_a_word_of_the_list_passes(word, text):
    assert not refuses(text, words=(word,))


def test_blank_words_refuse_nothing():
    assert not refuses("a b", words=("", "  ", "\u200b"))


def test_ten_thousand_words_cost_no_more_than_ten():
    text = "an ordinary question about deals and people, in plain words. " * 50

    def seconds(refused):
        best = 1.0
        for _ in range(5):
            started = time.thread_time()
            assert not refused(text)
            best = min(best, time.thread_time() - started)
        return best

    few = Refusals((), [f"word{n}" for n in range(10)])
    many = Refusals((), [f"word{n}" for n in range(10_000)] + [f"词{n}" for n in range(1_000)])
    assert seconds(many) < 5 * seconds(few) + 0.005


def test_a_list_of_a_hundred_thousand_words_is_one_text_and_finds_each_of_them():
    words = [f"word{n} of list" for n in range(50_000)] + [f"词语{n}号" for n in range(50_000)]
    refused = Refusals((), ("\n".join(words),))
    assert refused("a WORD49999  of\nlist b")
    assert refused("前词语31415号后")
    assert not refused("word50000 of list, 词语50000号")


HOSTILE_LISTS = {
    "nested": ("\n".join("ab" + "c" * n for n in range(198)), "ab "),
    "deep": ("\n".join("ab " * n + "x" for n in range(1, 66)), "ab "),
    "equal beginnings": ("\n".join(f"ignore all previous {n}" for n in range(20_000)), "ignore all previous "),
    "unspaced": ("\n".join("字" * n + "词" for n in range(1, 199)), "字"),
}


@pytest.mark.parametrize(("words", "piece"), HOSTILE_LISTS.values(), ids=HOSTILE_LISTS.keys())
def test_a_hostile_list_makes_time_grow_with_the_text_and_not_faster(words, piece):
    refused = Refusals((), (words.replace("ab\n", "", 1),))

    def seconds(size):
        started = time.thread_time()
        refused((piece * size)[:size])
        return time.thread_time() - started

    seconds(1_000)
    assert seconds(80_000) < 8 * 4 * min(seconds(10_000) for _ in range(3)) + 0.02


class Pools(InlineOffload):
    def __init__(self):
        self.used = []

    def run(self, pool, work):
        self.used.append(pool)
        return work()


def test_lists_are_read_and_long_texts_are_looked_through_where_they_hold_nobody():
    pools = Pools()
    refused = Refusals(("a+b",), ("bomb",), pools)
    assert pools.used == []
    assert not refused("short")
    assert not refused("short")
    assert pools.used == ["parse"]
    assert refused("x" * 5_000 + " bomb")
    assert pools.used == ["parse", "parse"]


def test_a_list_is_read_once_though_many_ask_at_once():
    refused = Refusals((), ("bomb",))
    assert refused._read() is refused._read()


@pytest.mark.parametrize("at", range(Pace.PORTION - 8, Pace.PORTION + 3))
def test_a_word_is_found_where_the_portions_of_a_long_text_meet(at):
    assert refuses("字" * at + "ｂｏｍｂ" + "字" * 100, words=("bomb",))
    assert refuses("é" * at + "炸弹" + "é" * 100, words=("炸弹",))
    assert refuses("字" * at + " cafe\u0301 " + "字" * 100, words=("café",))


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=5))
def test_any_text_with_any_list_is_decided(text, words):
    refuses(text, words=words)


@given(st.sampled_from(["bomb", "ignore all", "炸弹"]), st.text(max_size=40), st.text(max_size=40))
def test_a_word_between_blanks_is_always_found(word, before, after):
    assert refuses(f"{before} {word} {after}", words=(word,))


def test_patterns_are_searched_in_the_text_and_in_its_plain_form():
    assert refuses("please Ignore All previous", patterns=("(?i)ignore all",))
    assert refuses("ｉｇｎｏｒｅ　ａｌｌ", patterns=("ignore all",))
    assert refuses("（机密）", patterns=("（机密）",))
    assert not refuses("all right", patterns=("ignore all",))


def test_half_a_character_does_not_break_the_engine():
    assert refuses("secret \ud800 plan", patterns=("secret",))
    assert refuses("secret \ud800 plan", words=("plan",))


@pytest.mark.parametrize(
    "pattern", ["(", "a(?=b)", r"(a)\1", "(?P<x", "[z-a]", "a{1001}", "\ud800", "x" * 1_001, "", "a*", "(|b)", "^"]
)
def test_a_pattern_that_cannot_serve_is_refused_in_words_that_teach(pattern):
    with pytest.raises(ValueError, match="pattern") as caught:
        compile_pattern(pattern)
    assert str(caught.value).isprintable()


def test_a_hostile_text_costs_a_pattern_no_more_than_its_length():
    refused = Refusals(("(a+)+$x", "(a|aa)*b"), ("aab", "aac"))

    def seconds(size):
        started = time.thread_time()
        assert not refused("a" * size)
        return time.thread_time() - started

    seconds(1_000)
    assert min(seconds(80_000) for _ in range(3)) < 8 * 4 * min(seconds(10_000) for _ in range(3)) + 0.02


@pytest.mark.parametrize(
    "arguments",
    [{"query": "make a bomb"}, {"filters": {"a": [{"b": "bomb"}]}}, {"filters": {"bomb": 1}}, {"filters": ("x", "bomb")}],
)
def test_a_refused_call_goes_no_further_and_the_list_is_not_told(arguments):
    end, call = End(), make_call(arguments)
    with pytest.raises(Blocked) as caught:
        Review(words=("bomb", "poison"), patterns=("zzz",))(call, end)
    assert end.calls == []
    assert "bomb" not in caught.value.as_text()
    assert next(iter(arguments)) in caught.value.message
    assert "review.refuse" in caught.value.hint
    assert str(call.record.decisions[0]) == f"review: refused ({next(iter(arguments))})"


def test_without_rules_everything_passes_untouched():
    end = End()
    assert Review()(make_call({"query": EMAIL}), end) is end.answer


# --- out


def reviewed(answer, masks=None, detect=DETECT):
    call = make_call(caller=Caller(subject="alice", masks=masks or {}))
    return Review(detect=detect)(call, End(answer)), call


def test_findings_are_masked_in_variables_additions_and_notices():
    answer, call = reviewed(
        Answer(
            variables={"records": [{"id": "person:42", "email": EMAIL, "note": f"call {PHONE}"}], "total": 1, "none": None},
            source="main",
            added={"owner": EMAIL, "score": 0.5},
            notices=(f"Ask {EMAIL}.",),
        )
    )
    assert answer.variables == {
        "records": [{"id": "person:42", "email": MASKED_EMAIL, "note": f"call {MASKED_PHONE}"}],
        "total": 1,
        "none": None,
    }
    assert answer.added == {"owner": MASKED_EMAIL, "score": 0.5}
    assert answer.notices == (f"Ask {MASKED_EMAIL}.",)
    assert call.record.masks == {"email": 3, "phone": 1}
    assert str(call.record.decisions[0]) == "review: masked (4 values)"


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        ({}, f"{MASKED_EMAIL} {MASKED_PHONE}"),
        ({"email": "keep"}, f"{EMAIL} {MASKED_PHONE}"),
        ({"email": "drop", "phone": "partial"}, f"[email] {MASKED_PHONE}"),
        ({"email": "partial", "phone": "drop"}, f"{MASKED_EMAIL} [phone]"),
        ({"email": "keep", "phone": "keep"}, f"{EMAIL} {PHONE}"),
    ],
)
def test_the_caller_s_masks_decide(masks, expected):
    answer, _ = reviewed(Answer(variables={"text": f"{EMAIL} {PHONE}"}, source="main"), masks)
    assert answer.variables["text"] == expected


def test_a_detector_that_is_off_masks_nothing():
    answer, call = reviewed(Answer(variables={"text": f"{EMAIL} {PHONE}"}, source="main"), {"phone": "drop"}, detect=("email",))
    assert answer.variables["text"] == f"{MASKED_EMAIL} {PHONE}"
    assert call.record.masks == {"email": 1}


def test_types_and_keys_stay():
    variables = {"deep": ({"a": [True, 1.5, 13812345678, None, ("x",)], 7: 7},), "empty": {}, "list": []}
    answer, _ = reviewed(Answer(variables=variables, source="main"))
    assert answer.variables == variables
    assert type(answer.variables["deep"]) is tuple


def test_a_phone_field_is_masked_in_whatever_form():
    answer, _ = reviewed(Answer(variables={"phone": "4155550132", "phones": ["4155550132"], "id": "4155550132"}, source="main"))
    assert answer.variables == {"phone": "********32", "phones": ["********32"], "id": "4155550132"}


def test_keys_are_masked_and_no_value_is_lost():
    answer, call = reviewed(
        Answer(
            variables={"by": {EMAIL: 1, "zhou@example.com": 2, "z***@example.com": 3, PHONE: {"id": 4}, "name": 5}}, source="main"
        )
    )
    assert answer.variables["by"] == {
        "z***@example.com (2)": 1,
        "z***@example.com (3)": 2,
        "z***@example.com": 3,
        MASKED_PHONE: {"id": 4},
        "name": 5,
    }
    assert call.record.masks == {"email": 2, "phone": 1}


@pytest.mark.parametrize("mode", ["partial", "drop"])
def test_keys_that_become_one_are_told_apart_whatever_their_number(mode):
    many = {f"z{number}@example.com": number for number in range(20_000)}
    answer, _ = reviewed(Answer(variables={"by": many}, source="main"), {"email": mode})
    assert list(answer.variables["by"].values()) == list(range(20_000))
    assert not any(name in answer.variables["by"] for name in many)


def test_a_number_in_a_phone_field_is_masked_and_becomes_a_text():
    variables = {"phone": 4155550132, "phones": [13812345678, 13812345678.0], "homePhone": 8613812345678}
    answer, call = reviewed(Answer(variables=variables, source="main"))
    masked = {"phone": "********32", "phones": ["*********78", "*********78"], "homePhone": "***********78"}
    assert answer.variables == masked
    assert call.record.masks == {"phone": 4}
    assert reviewed(Answer(variables=variables, source="main"), {"phone": "drop"})[0].variables["phone"] == "[phone]"
    assert reviewed(Answer(variables=variables, source="main"), {"phone": "keep"})[0].variables == variables
    assert reviewed(answer)[0].variables == masked


def test_ids_amounts_and_times_stay_numbers():
    variables = {
        "id": 13812345678, "phone_id": 13812345678, "amount": 4155550132, "created_at": 1700000000, "updated": 1700000000000,
        "phone": True, "mobile": -4155550132, "tel": 12, "fax": 0.5, "cell": 10**40, "phone_number": 4155550132.5,
        "total": 13812345678.0,
    }  # fmt: skip
    assert reviewed(Answer(variables=variables, source="main"))[0].variables == variables


def test_the_answer_that_others_share_is_not_changed():
    answer = Answer(variables={"records": [{"email": EMAIL}]}, source="main")
    reviewed(answer)
    assert answer.variables == {"records": [{"email": EMAIL}]}


def test_what_is_masked_once_stays_as_it_is():
    once, _ = reviewed(Answer(variables={"text": f"{EMAIL} {PHONE} +86 138 1234 5678"}, source="main"))
    twice, _ = reviewed(once)
    assert twice.variables == once.variables


def test_an_answer_too_deep_to_look_through_is_not_shown():
    deep = EMAIL
    for _ in range(5_000):
        deep = [deep]
    with pytest.raises(BadResponse, match="nested"):
        reviewed(Answer(variables={"deep": deep}, source="main"))


@pytest.mark.parametrize("kind", [FunctionError, Unavailable, BadResponse])
def test_a_failure_from_further_in_is_masked_too(kind):
    failure = kind(f"No mailbox {EMAIL}.", hint=f"Ask {PHONE}.", retry_after=3.0, retryable=True)
    with pytest.raises(kind) as caught:
        reviewed(failure)
    assert caught.value.message == str(caught.value) == f"No mailbox {MASKED_EMAIL}."
    assert caught.value.hint == f"Ask {MASKED_PHONE}."
    assert (caught.value.retry_after, caught.value.retryable) == (3.0, True)
    assert EMAIL in failure.message  # those who wait for the same answer see it by their own roles


SECRETS = [f"{EMAIL}:hunter2", f"{PHONE}/hunter2", "hunter-/hunter2"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_a_secret_is_taken_out_before_what_stands_in_it_is_masked(secret, size):
    text = f"The key https://u:{secret}@db.example.com is wrong."
    call, review = make_call(), Review(detect=DETECT, redact=SecretRedactor([secret]))
    answer = Answer(variables={"text": text}, source="main", added={"a": [text]}, notices=(text,))
    masked = review(call, End(answer))
    pieces = Stream(iter([text[at : at + size] for at in range(0, len(text), size)]), answer=lambda: answer)
    *streamed, end = review(call, End(pieces))
    with pytest.raises(Unavailable) as caught:
        review(call, End(Unavailable(text, hint=text)))
    shown = [repr(masked), "".join(streamed), repr(end.answer), caught.value.as_text()]
    assert all("hunter" not in each and "The key https://u:" in each for each in shown)


@pytest.mark.parametrize("kind", [InvalidInput, NotFound])
def test_a_failure_that_repeats_the_caller_s_own_words_is_left(kind):
    call = make_call({"query": "ana", "filters": {"email": [EMAIL]}})
    with pytest.raises(kind, match=re.escape(EMAIL)):
        Review(detect=DETECT)(call, End(kind(f"Nobody has the address {EMAIL}.")))


@pytest.mark.parametrize("kind", [InvalidInput, NotFound])
def test_a_failure_that_tells_of_somebody_else_is_masked(kind):
    with pytest.raises(kind, match=re.escape(f"refused: {MASKED_EMAIL} did.")):
        reviewed(kind(f"The model's server refused: {EMAIL} did."))


# --- large answers


@pytest.mark.parametrize("found", [EMAIL, PHONE, "+86 138 1234 5678", "tel. 4155550132"])
def test_a_long_text_is_masked_as_a_short_one_wherever_its_portions_meet(found):
    for shift in range(len(found) + 2):
        around = ("x" * 99 + " ") * (Pace.PORTION // 100)
        text = f"{around}{'.' * (Pace.PORTION - len(around) - shift)} {found} {around} {found} {around}"
        answer, call = reviewed(Answer(variables={"text": text}, source="main"))
        assert answer.variables["text"] == mask_text(text, DETECT)
        assert sum(call.record.masks.values()) == 2


@pytest.mark.parametrize(
    "large",
    [
        "x" * 1_000_000,
        "@" * 1_000_000,
        f"{EMAIL} " * 20_000,
        ["short"] * 40_000,
        list(range(70_000)),
        {f"{number}@example.com": 1 for number in range(20_000)},
    ],
    ids=["long", "hostile", "full", "many", "numbers", "keys"],
)
def test_a_large_answer_gives_way_while_it_is_masked(large):
    turns = []
    call = make_call(caller=Caller(subject="alice"))
    Review(detect=DETECT, give_way=lambda: turns.append(1))(call, End(Answer(variables={"large": large}, source="main")))
    assert len(turns) >= 20


def test_a_large_chunk_of_a_stream_gives_way_too():
    turns = []
    review = Review(detect=DETECT, give_way=lambda: turns.append(1))
    stream = review(make_call(caller=Caller(subject="alice")), End(Stream(iter([f"{EMAIL} " * 20_000]))))
    assert read(stream)[0] == f"{MASKED_EMAIL} " * 20_000
    assert len(turns) >= 10


# --- streams


def read(stream):
    *chunks, end = list(stream)
    assert isinstance(end, StreamEnd)
    return "".join(chunks), end


def pieces(text, size):
    return iter([text[start : start + size] for start in range(0, len(text), size)])


TEXT = f"Write to {EMAIL}, 或致电{PHONE}。" + "没有空格的长句子" * 60 + f" then {EMAIL}. " + "word " * 200 + PHONE


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 50, 319, 320, 321, 5_000])
def test_a_value_that_chunks_share_is_masked(size):
    stream, call = reviewed(Stream(pieces(TEXT, size)))
    text, end = read(stream)
    assert text == TEXT.replace(EMAIL, MASKED_EMAIL).replace(PHONE, MASKED_PHONE)
    assert end.failure is None
    assert call.record.masks == {"email": 2, "phone": 2}


@given(
    st.lists(st.sampled_from([EMAIL, PHONE, " ", "x", "号码", "\n", "order-", "9", "@", "a" * 90, "词" * 200]), max_size=12),
    st.integers(1, 40),
)
def test_a_stream_shows_what_the_whole_text_would_show(parts, size):
    whole = " ; ".join(parts)
    expected, _ = reviewed(Answer(variables={"text": whole}, source="x"))
    stream, _ = reviewed(Stream(pieces(whole, size)))
    assert read(stream)[0] == expected.variables["text"]


def test_a_stream_goes_on_flowing_in_a_script_without_spaces():
    sent = []

    def chunks():
        for _ in range(100):
            sent.append(1)
            yield "没有空格的长句子"

    stream, _ = reviewed(Stream(chunks()))
    assert next(stream)
    assert len(sent) < 50


def test_a_stream_passes_untouched_where_nothing_is_masked():
    stream = Stream(iter(["a"]))
    assert reviewed(stream, {"email": "keep", "phone": "keep"})[0] is stream
    assert reviewed(stream, detect=())[0] is stream


def test_a_failure_in_the_middle_comes_after_what_was_said():
    def chunks():
        yield f"to {EMAIL} and"
        raise Unavailable("The model went away.")

    text, end = read(reviewed(Stream(chunks()))[0])
    assert text == f"to {MASKED_EMAIL} and"
    assert end.failure.message == "The model went away."


def test_a_failure_in_the_middle_is_masked():
    def chunks():
        yield "a"
        raise FunctionError(f"No mailbox {EMAIL}.", hint=f"Ask {PHONE}.")

    _, end = read(reviewed(Stream(chunks()))[0])
    assert (end.failure.message, end.failure.hint) == (f"No mailbox {MASKED_EMAIL}.", f"Ask {MASKED_PHONE}.")


def test_what_was_used_is_told_at_the_end():
    stream, _ = reviewed(Stream(iter(["a", "b"]), usage=lambda: {"tokens": 12}))
    assert read(stream)[1].usage == {"tokens": 12}


@pytest.mark.parametrize("read_first", [0, 1])
def test_closing_early_settles_the_source_also_when_nobody_read(read_first):
    closed, ends = [], []

    class Chunks:
        def __iter__(self):
            return self

        def __next__(self):
            return "word " * 100

        def close(self):
            closed.append(1)

    source = Stream(Chunks(), usage=lambda: {"tokens": 3})
    source.on_end(ends.append)
    stream, _ = reviewed(source)
    for _ in range(read_first):
        next(stream)
    stream.close()
    assert closed == [1]
    assert [end.usage for end in ends] == [{"tokens": 3}]
    assert isinstance(ends[0].failure, Cancelled)
    assert stream.ended.usage == {"tokens": 3}


def test_a_stream_of_ever_more_text_is_not_kept_in_memory():
    longest = 0
    stream, _ = reviewed(Stream(iter(["字" * 100] * 1_000)))
    for item in stream:
        if not isinstance(item, StreamEnd):
            longest = max(longest, len(item))
    assert longest < 1_000


def test_the_answer_at_a_stream_s_end_is_masked_and_counted_once():
    whole = Answer(variables={"answer": f"write to {EMAIL}"}, source="chat.main", notices=(PHONE,), added={"who": EMAIL})
    stream, call = reviewed(Stream(iter([f"write to {EMAIL}"]), answer=lambda: whole))
    text, end = read(stream)
    assert text == end.answer.variables["answer"] == f"write to {MASKED_EMAIL}"
    assert end.answer.added == {"who": MASKED_EMAIL}
    assert end.answer.notices == (MASKED_PHONE,)
    assert call.record.masks == {"email": 1}
