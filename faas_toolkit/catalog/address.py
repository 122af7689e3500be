"""Reads a catalog from its address, through the egress guard."""

from collections.abc import Mapping

import httpx

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, InvalidInput
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.freshness import max_age_of
from faas_toolkit.net.http import HardLimit, HttpClient

_SECONDS = 8.0
_MAX_BYTES = 1_000_000


def fetch_catalog(url: str, *, environment: Mapping[str, str], hard_limit: HardLimit, clock: Clock) -> tuple[str, float]:
    """The text and the seconds that it stays fresh; raises a `Failure`."""
    try:
        request = httpx.Request("GET", url)
    except httpx.InvalidURL:
        raise InvalidInput("It is not a whole address.", hint="E.g. https://config.example.com/catalog.yaml") from None
    client = HttpClient(guard=EgressGuard(environment=environment), hard_limit=hard_limit)
    try:
        response = client.send(request, Deadline.after(clock, _SECONDS), what="The catalog's address", max_bytes=_MAX_BYTES)
    finally:
        client.close()
    if response.status_code != httpx.codes.OK:
        raise BadResponse(f"The catalog's address answered HTTP {response.status_code}.")
    return response.text, max_age_of(response.headers.get("cache-control", ""))
