"""When one may come again, in all the ways vendors say it."""

import pytest

from faas_toolkit.net.retry_after import parse_retry_after

NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Mon, 21 Sep 2026 14:14:20 GMT"}, 60.0),
        ({"retry-after": "Mon, 21 Sep 2026 14:00:00 GMT"}, 0.0),
        ({"retry-after": "Mon, 21 Sep 2026 22:14:20 +0800"}, 60.0),
        ({"retry-after": "999999"}, 3_600.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "Mon, 99 Sep 2026 99:99:99 GMT"}, None),
        ({"retry-after": "Mon, 21 Sep 2026 14:14:20 +99999999999999"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ratelimit-reset": "30"}, 30.0),
        ({"x-ratelimit-reset": "1790000045"}, 45.0),
    ],
)
def test_seconds_from_now(headers, seconds):
    assert parse_retry_after(headers, NOW) == seconds
