"""What Dify does for a call ends with the call's own time, and its failures come in words of ours."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import TimeoutUnknown, Unavailable
from faas_toolkit.dify.host import DifyHost
from tests.fakes.clock import FakeClock
from tests.fakes.host import SdkStorage


def host_over(invoke, limited):
    @contextmanager
    def hard_limit(seconds):
        limited.append(seconds)
        yield

    session = SimpleNamespace(storage=SdkStorage(), model=SimpleNamespace(text_embedding=SimpleNamespace(invoke=invoke)))
    return DifyHost(session, hard_limit)


def embed(host):
    return host.embed(["a", "b"], "vendor/x/x", "small", purpose="query", deadline=Deadline.after(FakeClock(), 7))


def test_vectors_are_waited_for_no_longer_than_the_deadline_allows():
    asked, limited = [], []

    def invoke(config, texts, purpose):
        asked.append((config.provider, config.model, texts, purpose.value))
        return SimpleNamespace(embeddings=[(1.0, 2.0), (3.0, 4.0)])

    assert embed(host_over(invoke, limited)) == [[1.0, 2.0], [3.0, 4.0]]
    assert asked == [("vendor/x/x", "small", ["a", "b"], "query")]
    assert limited == [7]


@pytest.mark.parametrize(
    ("raised", "kind"), [(TimeoutError("no time left"), TimeoutUnknown), (Exception("/srv/private: boom"), Unavailable)]
)
def test_a_model_that_fails_is_told_without_its_inside(raised, kind):
    def invoke(*_):
        raise raised

    with pytest.raises(kind) as caught:
        embed(host_over(invoke, []))
    assert "'small'" in caught.value.message
    assert "private" not in caught.value.as_text()
