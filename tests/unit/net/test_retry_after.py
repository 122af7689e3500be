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
        ({"retry-after": "999999"}, 999_999.0),
        ({"retry-after": "99999999"}, 366 * 86_400.0),
        ({"retry-after": "1790000045"}, 45.0),
        ({"retry-after": "Tue, 22 Sep 2026 14:13:20 GMT"}, 86_400.0),
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
        ({"x-ratelimit-reset-requests": "1s", "x-ratelimit-reset-tokens": "6m0s"}, 360.0),
        ({"X-RateLimit-Reset-Requests": "120ms"}, 0.12),
        ({"x-ratelimit-reset-tokens": "2m59.56s"}, 179.56),
        ({"x-ratelimit-reset-tokens": "1h0m3s"}, 3_603.0),
        ({"x-ratelimit-reset-tokens": "17"}, 17.0),
        ({"x-ratelimit-reset-tokens": "1790000045"}, 45.0),
        (
            {
                "x-ratelimit-remaining-requests": "58",
                "x-ratelimit-reset-requests": "1h0m0s",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7.66s",
            },
            7.66,
        ),
        ({"retry-after": "3", "x-ratelimit-reset-tokens": "6m0s"}, 3.0),
        ({"x-ratelimit-reset-tokens": "soon"}, None),
        ({"x-ratelimit-reset-tokens": ""}, None),
        ({"x-ratelimit-reset-tokens": "nan"}, None),
        ({"x-ratelimit-reset-tokens": "-1s"}, None),
        ({"x-ratelimit-reset-tokens": "9" * 5_000 + "s"}, None),
    ],
)
def test_seconds_from_now(headers, seconds):
    assert parse_retry_after(headers, NOW) == seconds
