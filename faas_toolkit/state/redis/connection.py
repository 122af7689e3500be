"""Commands and scripts for one Redis, however it is run.

Nothing is sent twice: a lost answer may belong to a command that took effect, and whoever asked decides. A Redis that does not
answer is left alone between two tries, so that it costs one call its patience and not each.
"""

from typing import Any

from redis import exceptions  # noqa: TID253 - this module itself is loaded on first use
from redis.connection import BlockingConnectionPool  # noqa: TID253 - same

from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.script import Script
from faas_toolkit.state.redis.servers import servers_at

TRY_EVERY = 1.0
"""Seconds between two tries while Redis is away."""
_CHECK = Script("""
redis.call('SET', KEYS[1], redis.call('TIME')[1], 'PX', 1000)
redis.call('HSET', KEYS[2], 'now', redis.call('GET', KEYS[1]))
redis.call('ZADD', KEYS[3], 1, redis.call('HGET', KEYS[2], 'now'))
return redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
""")
_REDIRECTIONS = 5
"""How often a command may be sent on; each time the server says that it did not run it."""

type Word = str | bytes | float


class RedisConnection:
    """Commands and scripts for one Redis, each in one round trip.

    Args:
        address: what the workspace wrote.
        guard: decides which hosts may be opened.
        clock: for the pause between two tries.

    Raises:
        InvalidInput: the authority's certificate in the address cannot be read.
    """

    def __init__(self, *, address: RedisAddress, guard: EgressGuard, clock: Clock) -> None:
        self._servers = servers_at(address, guard)
        self._clock = clock
        self._try_at = 0.0
        self._last = _gone()
        self.away_since: float | None = None
        """Since when (monotonic seconds) it has not answered; None: it does."""

    def ask(self, key: str, *words: Word) -> Any:  # noqa: ANN401 - as the command answers
        """Sends one command; the key decides which server of a Cluster gets it. Texts come back as bytes.

        Raises:
            Unavailable: Redis does not answer or refuses; `not_executed` where the command certainly took no effect.
            Blocked: the egress guard does not let it be opened.
        """
        return self._guarded(key, words)

    def run(self, script: Script, keys: tuple[str, ...], arguments: tuple[Word, ...]) -> Any:  # noqa: ANN401
        """Runs a script on keys of one server; it is sent whole only where that server does not know it. Raises as `ask`."""
        tail = (len(keys), *keys, *arguments)
        try:
            return self._guarded(keys[0], ("EVALSHA", script.sha1, *tail))
        except exceptions.NoScriptError:
            return self._guarded(keys[0], ("EVAL", script.text, *tail))

    def check(self) -> None:
        """Runs a script that does what decisions do; raises as `ask`."""
        self.run(_CHECK, ("{check}", "{check}:hash", "{check}:set"), ())

    def close(self) -> None:
        """Disconnects."""
        self._servers.renew()

    def _guarded(self, key: str, words: tuple[Word, ...]) -> Any:  # noqa: ANN401
        self._require_a_try()
        try:
            answer = self._send(key, words)
        except exceptions.NoScriptError:
            self.away_since = None
            raise
        except (exceptions.RedisError, exceptions.RedisClusterException, OSError, Failure) as error:
            failure = _meaning(error)
            answered = isinstance(error, exceptions.ResponseError) and not isinstance(error, _NOT_NOW)
            if isinstance(failure, Unavailable) and not answered:
                self._leave_alone(failure)
            raise failure from error
        self.away_since = None
        return answer

    def _require_a_try(self) -> None:
        if self.away_since is None:
            return
        now = self._clock.monotonic()
        if now < self._try_at:
            last = self._last
            raise Unavailable(
                last.message,
                hint=last.hint,
                retryable=last.retryable,
                retry_after=self._try_at - now,
                not_executed=True,
            )
        self._try_at = now + TRY_EVERY  # this call tries; others do not wait for what becomes of it

    def _leave_alone(self, failure: Unavailable) -> None:
        now = self._clock.monotonic()
        self.away_since = now if self.away_since is None else self.away_since
        self._try_at = now + TRY_EVERY
        self._last = failure
        self._servers.renew()

    def _send(self, key: str, words: tuple[Word, ...]) -> Any:  # noqa: ANN401
        pool = self._servers.pool(key)
        before: tuple[Word, ...] = ()
        for _ in range(_REDIRECTIONS):
            try:
                return _exchange(pool, words, before)
            except exceptions.MovedError as error:
                pool, before = self._servers.redirect(error), ()
            except exceptions.AskError as error:
                pool, before = self._servers.redirect(error), ("ASKING",)
            except exceptions.ReadOnlyError:  # Sentinels made another server the first; this one changed nothing
                self._servers.renew()
                pool, before = self._servers.pool(key), ()
        raise exceptions.ClusterDownError("sent on too often")


class _NeverSent(exceptions.ConnectionError):
    """There was no connection to send the command on."""


def _exchange(pool: BlockingConnectionPool, words: tuple[Word, ...], before: tuple[Word, ...]) -> Any:  # noqa: ANN401
    try:
        connection = pool.get_connection()
    except exceptions.AuthenticationError:
        raise
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        raise _NeverSent(str(error)) from error
    try:
        if before:
            connection.send_command(*before)
            connection.read_response()
        connection.send_command(*words)
        return connection.read_response()
    finally:
        pool.release(connection)


_NOT_NOW = (
    exceptions.BusyLoadingError,
    exceptions.ClusterDownError,
    exceptions.MasterDownError,
    exceptions.ReadOnlyError,
    exceptions.RedisClusterException,
    exceptions.TryAgainError,
    _NeverSent,
)
"""Errors that say that nothing was run."""


def _meaning(error: Exception) -> Failure:
    """The failure of our tree that the error stands for."""
    behind = _failure_behind(error)
    if behind is not None:
        return behind
    if isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError) or _is_forbidden_in_a_script(error):
        return Unavailable(
            "Redis refuses the user name or password of the setting 'redis_url', or what that user may do.",
            hint="The user needs TIME, and scripts, strings, hashes and sorted sets on the keys that begin with {.",
            retryable=False,
            not_executed=True,
        )
    if isinstance(error, exceptions.ResponseError) and not isinstance(error, _NOT_NOW):
        full = isinstance(error, exceptions.OutOfMemoryError)
        return Unavailable(
            "Redis has no memory left." if full else "Redis refuses a command of the toolkit.",
            hint="Its memory, its version (7 or newer) and its log say why.",
            retryable=False,
        )
    return _gone(not_executed=isinstance(error, _NOT_NOW))


def _is_forbidden_in_a_script(error: Exception) -> bool:
    """Redis then gives a text without a code: 7.0 and 7.2 each one of their own."""
    return isinstance(error, exceptions.ResponseError) and str(error).startswith(("The user executing the script", "ACL failure"))


def _failure_behind(error: BaseException) -> Failure | None:
    """The guard's verdict, where redis-py has wrapped it."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, Failure):
        cause = cause.__cause__
    return cause


def _gone(*, not_executed: bool = False) -> Unavailable:
    return Unavailable(
        "Redis does not answer.",
        hint="It is asked again by itself. If it stays away, see that the server of 'redis_url' runs and can be reached.",
        retry_after=TRY_EVERY,
        not_executed=not_executed,
    )
