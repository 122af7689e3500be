"""The greenlet that `bench.heartbeat` puts beside the plugin: it sleeps 1 ms at a time and writes down how late it was woken."""

import json
import time
from pathlib import Path

import gevent

BEAT = 0.001


def beat(folder: str) -> None:
    """Listens from when `listen` stands in the folder until `tell` does, then writes `beats.json`.

    A pair for each beat, in milliseconds: how late it was, and how much of that the thread was ready to run while the machine ran
    something else (Linux, /proc/thread-self/schedstat).
    """
    here = Path(folder)
    while not (here / "listen").exists():
        gevent.sleep(0.05)
    beats: list[tuple[float, float]] = []
    looked = time.perf_counter()
    while True:
        began, ready = time.perf_counter(), _ready()
        gevent.sleep(BEAT)
        woken = time.perf_counter()
        beats.append((round((woken - began - BEAT) * 1e3, 3), round((_ready() - ready) * 1e3, 3)))
        if woken - looked > 0.5:
            looked = woken
            if (here / "tell").exists():
                break
    (here / "beats.tmp").write_text(json.dumps(beats), encoding="utf-8")
    (here / "beats.tmp").rename(here / "beats.json")


def _ready() -> float:
    """Seconds for which this thread has waited for a core so far."""
    with open("/proc/thread-self/schedstat", encoding="ascii") as status:  # noqa: PTH123 - a hundred thousand times
        return int(status.read().split()[1]) / 1e9
