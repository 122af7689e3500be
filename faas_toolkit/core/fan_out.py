"""Asks several things at once and waits for all of them."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

_AT_ONCE = 8


def ask_each[T](names: Sequence[str], work: Callable[[str], T]) -> list[T]:
    """What `work` gives for each name, in order; several at once, since each may wait for another machine."""
    if len(names) < 2:
        return [work(name) for name in names]
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(names))) as asking:
        return list(asking.map(work, names))
