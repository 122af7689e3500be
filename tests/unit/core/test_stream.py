"""A stream cannot leak: primed, closed once, settled by whatever end."""

import gc

import pytest

from faas_toolkit.core.call import Answer
from faas_toolkit.core.errors import Cancelled, Internal, Throttled, Unavailable
from faas_toolkit.core.stream import End, Stream


class Chunks:
    """A source that counts its closings; an exception among its items is raised."""

    def __init__(self, *items, on_close=None):
        self.items = list(items)
        self.closed = 0
        self.on_close = on_close

    def __iter__(self):
        return self

    def __next__(self):
        if not self.items:
            raise StopIteration
        item = self.items.pop(0)
        if isinstance(item, BaseException):
            raise item
        return item

    def close(self):
        self.closed += 1
        if self.on_close:
            self.on_close()


def test_chunks_then_exactly_one_end():
    stream = Stream(iter(["a", "b"]), first=("0",), usage=lambda: {"tokens": 3})
    assert list(stream) == ["0", "a", "b", End(None, {"tokens": 3})]
    assert list(stream) == []
    assert stream.ended == End(None, {"tokens": 3})


def test_a_primed_stream_has_its_first_content():
    chunks = Chunks("", "", "a", "b")
    stream = Stream.primed(chunks)
    assert chunks.items == ["b"]
    assert list(stream)[:2] == ["a", "b"]


def test_a_failure_before_the_first_content_is_an_ordinary_exception():
    chunks = Chunks("", Throttled("slow down"))
    with pytest.raises(Throttled):
        Stream.primed(chunks)
    assert chunks.closed == 1


def test_a_primed_stream_without_content_ends_at_once_and_closes_its_source():
    chunks = Chunks("", "")
    assert list(Stream.primed(chunks)) == [End()]
    assert chunks.closed == 1


def test_a_later_failure_is_the_end():
    failure = Unavailable("gone")
    assert list(Stream(Chunks("a", failure))) == ["a", End(failure)]


def test_a_foreign_exception_shows_nothing_of_the_inside():
    error = ValueError("password=1234")
    *_, end = Stream(Chunks("a", error))
    assert isinstance(end.failure, Internal)
    assert end.failure.__cause__ is error
    assert "1234" not in end.failure.as_text()


def test_a_killed_greenlet_does_not_look_like_a_good_end():
    class Killed(BaseException):
        pass

    ends, stream = [], Stream(Chunks("a", Killed()))
    stream.on_end(ends.append)
    assert next(stream) == "a"
    with pytest.raises(Killed):
        next(stream)
    assert isinstance(ends[0].failure, Cancelled)
    assert isinstance(next(stream).failure, Cancelled)


def test_closing_is_done_once_and_gives_up_what_was_not_read():
    chunks, ends = Chunks("a", "b"), []
    stream = Stream(chunks, first=("0",))
    stream.on_end(ends.append)
    stream.close()
    stream.close()
    assert (chunks.closed, len(ends)) == (1, 1)
    assert isinstance(ends[0].failure, Cancelled)
    assert list(stream) == ends


def test_a_stream_nobody_read_or_closed_settles_when_it_is_forgotten():
    ends = []
    stream = Stream(Chunks("a"))
    stream.on_end(ends.append)
    del stream
    gc.collect()
    assert isinstance(ends[0].failure, Cancelled)


def test_who_asks_after_the_end_is_told_at_once():
    ends, stream = [], Stream(iter(()))
    list(stream)
    stream.on_end(ends.append)
    assert ends == [End()]


def test_the_innermost_sees_the_end_first_so_that_the_outermost_sees_all_settled():
    seen, stream = [], Stream(iter(()))
    for name in ("gate", "cache", "audit"):
        stream.on_end(lambda end, name=name: seen.append(name))
    list(stream)
    assert seen == ["gate", "cache", "audit"]


def test_the_source_is_closed_before_it_is_asked_what_it_used():
    used = {}
    chunks = Chunks("a", on_close=lambda: used.update(tokens=5))
    *_, end = Stream(chunks, usage=lambda: used)
    assert end.usage == {"tokens": 5}


def test_a_source_that_cannot_close_or_count_keeps_nothing_open():
    def broken():
        raise RuntimeError("no")

    ends, stream = [], Stream(Chunks("a", on_close=broken), usage=broken)
    stream.on_end(ends.append)
    assert list(stream) == ["a", End()]
    assert ends == [End()]


def test_a_callback_that_fails_does_not_keep_the_others_from_settling():
    seen, stream = [], Stream(iter(()))
    stream.on_end(lambda end: seen.append("gate"))
    stream.on_end(lambda end: {}["x"])
    stream.on_end(lambda end: seen.append("audit"))
    with pytest.raises(KeyError):
        next(stream)
    assert seen == ["gate", "audit"]
    assert next(stream) == End()


def test_a_source_that_ends_the_stream_while_it_is_read_ends_it_once():
    ends = []

    class Reentrant(Chunks):
        def __next__(self):
            stream.close()  # as another greenlet would, while this one waits for the chunk
            return "late"

    stream = Stream(Reentrant())
    stream.on_end(ends.append)
    assert isinstance(next(stream).failure, Cancelled)
    assert len(ends) == 1
    with pytest.raises(StopIteration):
        next(stream)


def test_a_stream_that_was_never_made_is_forgotten_in_silence():
    with pytest.raises(TypeError):
        Stream()
    gc.collect()


ANSWER = Answer(variables={"answer": "ab"}, source="chat.main")


def test_a_good_end_holds_the_whole_answer_and_a_bad_one_none():
    assert list(Stream(iter("ab"), answer=lambda: ANSWER))[-1].answer == ANSWER
    assert list(Stream.primed(iter("ab"), answer=lambda: ANSWER))[-1].answer == ANSWER
    assert list(Stream(Chunks("a", Unavailable("gone")), answer=lambda: ANSWER))[-1].answer is None
    closed = Stream(iter("ab"), answer=lambda: ANSWER)
    closed.close()
    assert closed.ended.answer is None


def test_an_answer_that_cannot_be_made_ends_the_stream_and_all_settles():
    def broken():
        raise ValueError("what a library says")

    ends = []
    stream = Stream(iter("ab"), usage=lambda: {"tokens": 3}, answer=broken)
    stream.on_end(ends.append)
    *_, end = stream
    assert ends == [end]
    assert (end.failure.kind, end.usage, end.answer) == ("internal", {"tokens": 3}, None)
    assert "library" not in end.failure.message


def test_a_stream_over_another_ends_it_and_has_its_usage_also_where_nobody_reads():
    for read in (list, Stream.close):
        source = Chunks("a", "b")
        inner = Stream(source, usage=lambda: {"tokens": 3})
        outer = Stream.over(inner, (item for item in inner if isinstance(item, str)), answer=lambda: ANSWER)
        read(outer)
        assert outer.ended.usage == {"tokens": 3}
        assert source.closed
