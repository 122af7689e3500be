"""From an HTTP answer to data or a failure."""

import httpx
import pytest

from faas_toolkit.core.errors import BadResponse, Failure, TooLarge
from faas_toolkit.platforms.answer import data_of, require_success

NOW = 1_790_000_000.0
JSON = "application/json"


def response(content: bytes | str, kind: str = JSON, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(
        status, content=content, headers={"content-type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )


@pytest.mark.parametrize(
    ("content", "kind", "data"),
    [
        ('{"a": 1}', JSON, {"a": 1}),
        ('{"a": 1}', "application/problem+json; charset=utf-8", {"a": 1}),
        ("\ufeff[1]", JSON, [1]),
        ("3", JSON, 3),
        ("null", JSON, None),
        ('"text"', JSON, "text"),
        ("", JSON, None),
        (" \n", "text/plain", None),
        ("plain", "text/plain", "plain"),
        ('{"a": 1}', "text/html; charset=utf-8", {"a": 1}),
        ("returned by functions-framework", "text/html; charset=utf-8", "returned by functions-framework"),
        ("[not json", "text/plain", "[not json"),
        ("客户 🌍", "text/plain; charset=utf-8", "客户 🌍"),
        ("5 < 6", "text/plain", "5 < 6"),
    ],
)
def test_json_and_text_are_read(content, kind, data):
    assert data_of(response(content, kind), "Function 'f'") == data


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ('{"a": [1, 2', JSON),
        ("<html><body>Login</body></html>", "text/html"),
        ("<div>Login</div>", "text/html"),
        (" <!DOCTYPE HTML>\n<html>", "text/plain"),
        ("<html>", "application/octet-stream"),
        ('{"a": NaN}', JSON),
        ('{"a": Infinity}', JSON),
        ('{"a": 1e999}', JSON),
        ('{"a": "\\ud800"}', JSON),
        ('{"\\ud800": 1}', JSON),
        ('{"a": "\\u0000"}', JSON),
        ("a\0b", "text/plain"),
        (b"\xff\xfe\x00", "text/plain"),
        (b"\x89PNG\r\n\x1a\n\xff", "image/png"),
        ('{"a": "\xff"}'.encode("latin-1"), JSON),
        ("[" * 100_000 + "]" * 100_000, JSON),
        ("[" * 100 + "]" * 100, JSON),
        ("1" * 5_000, JSON),
        ("not json", JSON),
    ],
)
def test_garbage_is_a_bad_response(content, kind):
    with pytest.raises(BadResponse) as caught:
        data_of(response(content, kind), "Function 'f'")
    assert "Function 'f'" in caught.value.message
    assert caught.value.hint


def test_more_than_a_variable_holds_is_too_large():
    with pytest.raises(TooLarge):
        data_of(response('"' + "x" * 1_000_001 + '"'), "f")


@pytest.mark.parametrize(
    ("status", "kind", "retryable", "not_executed"),
    [
        (301, "bad_response", False, False),
        (304, "bad_response", False, False),
        (400, "function_error", False, False),
        (401, "unavailable", False, True),
        (403, "unavailable", False, True),
        (404, "unavailable", False, True),
        (405, "unavailable", False, True),
        (408, "timeout_unknown", True, False),
        (409, "function_error", False, False),
        (413, "too_large", False, False),
        (418, "bad_response", False, False),
        (422, "function_error", False, False),
        (429, "throttled", True, True),
        (500, "function_error", False, False),
        (501, "function_error", False, False),
        (502, "unavailable", True, False),
        (503, "unavailable", True, False),
        (504, "timeout_unknown", True, False),
        (522, "unavailable", True, False),
        (524, "timeout_unknown", True, False),
        (599, "function_error", False, False),
    ],
)
def test_each_status_has_its_failure(status, kind, retryable, not_executed):
    with pytest.raises(Failure) as caught:
        require_success(response("{}", status=status), "Function 'f'", "functions.f.auth", NOW)
    failure = caught.value
    assert (failure.kind, failure.retryable, failure.not_executed) == (kind, retryable, not_executed)
    assert str(status) in failure.message


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_success_raises_nothing(status):
    require_success(response("", status=status), "f", "functions.f.auth", NOW)


@pytest.mark.parametrize(("status", "named"), [(401, "functions.f.auth"), (403, "functions.f.auth"), (404, "functions.f.target")])
def test_what_an_administrator_has_to_change_is_named(status, named):
    with pytest.raises(Failure) as caught:
        require_success(response("{}", status=status), "f", "functions.f.auth", NOW)
    assert f"`{named}`" in caught.value.hint


@pytest.mark.parametrize("status", [429, 503])
def test_when_to_come_again_is_kept(status):
    with pytest.raises(Failure) as caught:
        require_success(response("{}", status=status, retry_after="7"), "f", "functions.f.auth", NOW)
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        ('{"error": {"message": "amount is too high"}}', JSON, "amount is too high"),
        ('{"message": "amount is too high"}', JSON, "amount is too high"),
        ('{"error": "amount is too high"}', JSON, "amount is too high"),
        ('{"detail": "amount is too high"}', "application/problem+json", "amount is too high"),
        ('{"error": {"message": "Wrong.", "problems": ["amount is too high"]}}', JSON, "Wrong. amount is too high"),
        ("amount is too high", "text/plain", "amount is too high"),
    ],
)
def test_a_functions_own_words_are_handed_on(content, kind, said):
    with pytest.raises(Failure) as caught:
        require_success(response(content, kind, status=422), "f", "functions.f.auth", NOW)
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        ("<html>quiet words</html>", "text/html"),
        ('Traceback (most recent call last):\n  File "/srv/quiet.py"', "text/plain"),
        ('{"message": "Traceback quiet"}', JSON),
        ('{"stackTrace": ["quiet"]}', JSON),
        ('{"message": {"quiet": 1}}', JSON),
        ('{"message": "quiet', JSON),
        ("quiet" * 50_000, "text/plain"),
    ],
)
def test_pages_and_stacks_are_not(content, kind):
    with pytest.raises(Failure) as caught:
        require_success(response(content, kind, status=500), "f", "functions.f.auth", NOW)
    assert "quiet" not in caught.value.as_text()


def test_long_words_are_cut_and_made_printable():
    with pytest.raises(Failure) as caught:
        require_success(response("a\x1b[31m" + "b" * 5_000, "text/plain", status=400), "f", "functions.f.auth", NOW)
    assert len(caught.value.message) < 450
    assert "\x1b" not in caught.value.message
