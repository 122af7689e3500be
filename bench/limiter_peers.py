"""Other limiters of Python over the same Redis: `requirements-bench.txt`.

Each says whether one more may start now, and is asked 20 times a second. Without gevent's patches, which one of them does not
survive (its threads run asyncio).
"""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

type Acquire = Callable[[], bool]


@dataclass(frozen=True)
class Load:
    """As much of `limiter_processes.Load` as these need."""

    url: str
    limit: int
    per: float
    key: str


def _limits(load: Load) -> Acquire:
    import limits

    storage = limits.storage.RedisStorage(load.url)
    limiter = limits.strategies.MovingWindowRateLimiter(storage)
    item = limits.RateLimitItemPerSecond(load.limit, int(load.per))
    return lambda: limiter.hit(item, load.key)


def _pyrate(load: Load) -> Acquire:
    import pyrate_limiter
    import redis

    rates = [pyrate_limiter.Rate(load.limit, int(load.per * 1_000))]
    bucket = pyrate_limiter.RedisBucket.init(rates, redis.Redis.from_url(load.url), load.key)
    limiter = pyrate_limiter.Limiter(bucket)
    return lambda: bool(limiter.try_acquire(load.key, blocking=False))


def _throttled(load: Load) -> Acquire:
    import throttled

    quota = throttled.rate_limiter.per_duration(timedelta(seconds=load.per), limit=load.limit)
    store = throttled.store.RedisStore(server=load.url)
    limiter = throttled.Throttled(using="sliding_window", quota=quota, store=store)
    return lambda: not limiter.limit(load.key).limited


PEERS: Mapping[str, Callable[[Load], Acquire]] = {"limits": _limits, "pyrate": _pyrate, "throttled": _throttled}


def main(arguments: Sequence[str]) -> None:
    """A process, as in `limiter_processes`; where its clocks are ahead, so is `time.time`."""
    said = json.loads(arguments[0])
    number = int(arguments[1])
    if said["skew"] and number % 2:
        ahead, real = float(said["skew"]), time.time  # noqa: TID251 - the peers ask it
        time.time = lambda: real() + ahead  # type: ignore[assignment]  # noqa: TID251 - same
    acquire = PEERS[said["limiter"]](Load(said["url"], said["limit"], said["per"], said["key"]))
    print("ready", flush=True)
    starts, starts_at = [], float(sys.stdin.readline())
    time.sleep(max(0.0, starts_at - time.monotonic()))
    while time.monotonic() < starts_at + said["seconds"]:
        asked = time.monotonic()
        if acquire():
            starts.append((asked, time.monotonic(), 1, number))
        else:
            time.sleep(0.05)
    print(json.dumps({"starts": starts, "bookings": []}))


if __name__ == "__main__":
    main(sys.argv[1:])
