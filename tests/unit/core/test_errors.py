"""The tree of failures: complete, drawn, and safe to show."""

import copy
import typing

import pytest

from faas_toolkit.core import errors
from faas_toolkit.core.errors import Failure, Kind, every_kind

RETRYABLE = {"throttled", "timeout_unknown", "unavailable"}


def test_every_kind_has_one_class():
    assert set(every_kind()) == set(typing.get_args(Kind))


def test_the_drawn_tree_names_every_class():
    for failure in every_kind().values():
        assert f"── {failure.__name__} " in errors.__doc__
        assert failure.__doc__


@pytest.mark.parametrize("kind", typing.get_args(Kind))
def test_a_failure_says_kind_message_hint_and_whether_a_retry_helps(kind):
    failure = every_kind()[kind]("What was wrong.", hint="What is right.", retry_after=2.5)
    assert failure.as_dict() == {
        "kind": kind,
        "message": "What was wrong.",
        "hint": "What is right.",
        "retryable": kind in RETRYABLE,
        "retry_after": 2.5,
    }
    assert failure.as_text() == "What was wrong. What is right."
    assert str(failure) == "What was wrong."


def test_a_failure_without_a_hint_is_one_sentence():
    assert Failure("Wrong.").as_text() == "Wrong."


@pytest.mark.parametrize("retryable", [True, False])
def test_whether_a_retry_helps_can_be_said_in_place(retryable):
    assert every_kind()["unavailable"]("x", retryable=retryable).retryable is retryable


def test_a_copy_keeps_everything():
    failure = every_kind()["throttled"]("x", hint="y", retry_after=1.0, not_executed=True)
    assert vars(copy.copy(failure)) == vars(failure)
