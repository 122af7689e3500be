"""The keys of an issuer at its address (JWKS): read anew as its cache headers say, or when a token names one that is new."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, Failure, InvalidInput, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.untrusted import parse_json
from faas_toolkit.pipeline.identity_key import PUBLIC, Algorithm, VerifyingKey, keys_of_set, named
from faas_toolkit.pipeline.identity_token import KeysState

if TYPE_CHECKING:
    from faas_toolkit.net.config import Tls
    from faas_toolkit.net.http import HttpClient

FRESH_SECONDS = (60.0, 3_600.0)
"""At least and at most, whatever the cache headers say: a key that its issuer takes back is taken for an hour at most."""
PAUSE_SECONDS = 30.0
"""Between two reads, whatever tokens ask for."""
LAST_GOOD_SECONDS = 24 * 3_600.0
"""How long the last good keys stay in force while the address cannot be read."""
_READ_SECONDS = 5.0
_MAX_BYTES = 256_000
_WHAT = "The JWKS address of the setting 'identity_keys'"


@immutable
class _Kept:
    keys: Sequence[VerifyingKey]
    fresh_until: float
    good_until: float


class JwksAddress:
    """The keys behind one address.

    One call reads it; calls that can go on with the last good keys do, the others wait for that one. Nothing is locked.

    Args:
        url: where the key set is.
        tls: how it is opened; None: as any target.
        client: what opens it; made on first use.
        clock: tells what is fresh.
    """

    algorithms: tuple[Algorithm, ...] = PUBLIC

    def __init__(self, *, url: str, tls: "Tls | None" = None, client: "Callable[[], HttpClient]", clock: Clock) -> None:
        self._url = url
        self._tls = tls
        self._client = client
        self._clock = clock
        self._kept: _Kept | None = None
        self._failure: Failure | None = None
        self._next_read = 0.0
        self._reading: threading.Event | None = None

    def candidates(self, kid: str | None) -> Sequence[VerifyingKey]:
        """The keys that may have signed a token with this key id.

        Raises:
            Unavailable: no keys could be read yet, or for too long.
        """
        kept, now = self._kept, self._clock.monotonic()
        if kept is None or now >= kept.fresh_until or not named(kept.keys, kid):
            self._refresh(waits=kept is None or now >= kept.good_until or not named(kept.keys, kid))
        return named(self._in_force().keys, kid)

    def check(self) -> None:
        """Reads the keys now, where they are not fresh; raises `InvalidInput` that says why they cannot be used."""
        kept = self._kept
        if kept is None or self._failure is not None or self._clock.monotonic() >= kept.fresh_until:
            self._next_read = 0.0  # whoever saves a setting has perhaps just repaired what is behind it
            self._refresh(waits=True)
        if self._failure is not None:
            raise InvalidInput(
                f"Setting 'identity_keys' names an address whose keys cannot be used. {self._failure.message}",
                hint=self._failure.hint or "E.g. https://id.example.com/.well-known/jwks.json",
            )

    def state(self) -> KeysState:
        """What was read last, and whether it is in force."""
        kept, now = self._kept, self._clock.monotonic()
        if kept is None:
            return KeysState("none read from the address yet", usable=self._failure is None, failure=self._failure)
        algorithms = ", ".join(dict.fromkeys(key.algorithm for key in kept.keys))
        age = round((now - kept.good_until + LAST_GOOD_SECONDS) / 60)
        text = f"{len(kept.keys)} of {algorithms}, read from the address {age} min ago"
        return KeysState(text, usable=now < kept.good_until, failure=self._failure)

    def _refresh(self, *, waits: bool) -> None:
        if self._reading is not None:
            if waits:
                self._reading.wait(_READ_SECONDS + 1)
            return
        now = self._clock.monotonic()
        if now < self._next_read:
            return
        self._next_read = now + PAUSE_SECONDS
        reading = self._reading = threading.Event()  # looked up now: gevent replaces the class
        try:
            self._kept = self._read()
            self._failure = None
        except Failure as failure:
            self._failure = failure
        finally:
            self._reading = None
            reading.set()

    def _read(self) -> _Kept:
        import httpx

        from faas_toolkit.net.freshness import fresh_for

        request = httpx.Request("GET", self._url, headers={"Accept": "application/json"})
        deadline = Deadline.after(self._clock, _READ_SECONDS)
        response = self._client().send(request, deadline, what=_WHAT, max_bytes=_MAX_BYTES, tls=self._tls)
        if response.status_code != httpx.codes.OK:
            redirects = " Redirects are not followed; write the address that it leads to." if response.is_redirect else ""
            raise BadResponse(f"{_WHAT} answered HTTP {response.status_code}.{redirects}")
        try:
            keys = keys_of_set(parse_json(response.content.decode(), _WHAT), secrets=False)
        except UnicodeDecodeError:
            raise BadResponse(f"{_WHAT} answered what is no text.") from None
        except InvalidInput as problem:
            raise BadResponse(f"{_WHAT}: {problem.message}", hint=problem.hint) from None
        now = self._clock.monotonic()
        least, most = FRESH_SECONDS
        return _Kept(keys, now + min(max(least, fresh_for(response.headers)), most), now + LAST_GOOD_SECONDS)

    def _in_force(self) -> _Kept:
        if self._kept is not None and self._clock.monotonic() < self._kept.good_until:
            return self._kept
        why = self._failure.message if self._failure is not None else f"{_WHAT} did not answer yet."
        raise Unavailable(
            f"The identity token cannot be checked, as the keys of its issuer cannot be read. {why}",
            hint="Call again in a minute; if it stays so, an administrator looks at the provider's settings.",
            retry_after=PAUSE_SECONDS,
            not_executed=True,
        )
