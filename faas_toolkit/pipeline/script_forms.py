"""The steps of gate and quotas as scripts: which Lua comes to the same decision, and how both are translated.

The Lua in `scripts/` says the same as `limits.py`, `breaker.py`, `saturation.py`, `quota_steps.py` and `gate_steps.py`, function
by function; `tests/contract/test_cells.py` runs both over the same sequences (docs/decisions/0023-decisions-in-lua.md).
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from faas_toolkit.core.outbound import BreakerRules, LimitLine
from faas_toolkit.pipeline.gate_steps import GIVE_BACK, Answered, Enter, Entry, Settle
from faas_toolkit.pipeline.limits import MOST_USED, weight_on
from faas_toolkit.pipeline.local_share import share_of_entry, share_of_spending
from faas_toolkit.pipeline.quota_steps import Refused, Release, Share, Spend
from faas_toolkit.pipeline.rolling import micros
from faas_toolkit.state.redis.cells import ScriptForm
from faas_toolkit.state.redis.script import Script

_FOLDER = Path(__file__).parent / "scripts"
_QUOTA = ("cells", "limits", "quota_steps")
_GATE = ("cells", "limits", "breaker", "quota_steps", "gate_steps")


@cache
def script_forms() -> Mapping[str, ScriptForm]:
    """By the name of the step."""
    return {
        "gate.enter": ScriptForm(
            script=_script(_GATE, "enter"), arguments=_enter, reply=_entry, undo=_undo_entry, share=share_of_entry
        ),
        "gate.may_wait": ScriptForm(script=_script(_GATE, "may_wait"), arguments=_nothing, reply=_truth),
        "gate.answered": ScriptForm(script=_script(_GATE, "answered"), arguments=_answered, reply=_none, concludes=True),
        "gate.settle": ScriptForm(script=_script(_GATE, "settle_call"), arguments=_settle, reply=_none, concludes=True),
        "gate.repeat": ScriptForm(script=_script(_GATE, "take_repetition"), arguments=_nothing, reply=_truth),
        "quota.spend": ScriptForm(
            script=_script(_QUOTA, "spend"), arguments=_spend, reply=_refused, undo=_undo_spending, share=share_of_spending
        ),
        "quota.release": ScriptForm(script=_script(_QUOTA, "release"), arguments=_release, reply=_none, concludes=True),
    }


def _script(files: Sequence[str], function: str) -> Script:
    texts = [(_FOLDER / f"{name}.lua").read_text(encoding="utf-8") for name in files]
    return Script("\n".join([*texts, f"return {function}()\n"]))


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


@lru_cache(maxsize=1_000)
def _lines(lines: tuple[LimitLine, ...]) -> str:
    return _compact([[line.unit, micros(line.per), line.limit, line.adapt_to or 0] for line in lines])


@lru_cache(maxsize=1_000)
def _rules(rules: BreakerRules | None) -> str:
    if rules is None:
        return "null"
    saturation = rules.saturation
    busy = (
        [False if saturation.wait is None else micros(saturation.wait), saturation.in_flight or False, micros(saturation.period)]
        if saturation
        else [False] * 3
    )
    slow = False if rules.slow is None else micros(rules.slow)
    counts = [micros(rules.window), rules.minimum, rules.failure_rate, micros(rules.open_for), slow, rules.slow_rate]
    return _compact([*counts, *busy])


def _shares(shares: Sequence[Share]) -> str:
    return _compact([[share.line.unit, micros(share.line.per), share.line.limit, share.weight] for share in shares])


def _enter(step: Enter) -> Sequence[str | int]:
    target = step.target
    return (
        _lines(target.limits),
        _rules(target.breaker),
        step.call,
        int(step.first),
        step.patience,
        step.lease,
        step.probe_lease,
        int(step.waiting),
        step.waited,
        _compact([weight_on(line, step.cost) for line in target.limits]),
        _shares(step.shares),
    )


def _entry(step: Enter, reply: Any) -> Entry:  # noqa: ANN401 - as Redis answers
    outcome, wait, line, probe, share = reply
    lines = step.target.limits
    decided = step.shares[share - 1].line if share else lines[line - 1] if line else None
    return Entry(outcome.decode(), wait, decided, bool(probe), max(0, share - 1))


def _undo_entry(step: Enter, reply: object) -> Settle | None:
    goes_on = isinstance(reply, Entry) and reply.outcome in ("go", "wait")
    return None if goes_on else Settle(step.call, None, refund="everything")


def _undo_spending(step: Spend, reply: object) -> Release | None:
    return None if reply is None else Release(step.call)


def _answered(step: Answered) -> Sequence[str | int]:
    return step.call, step.took


def _settle(step: Settle) -> Sequence[str | int]:
    return (
        step.call,
        "" if step.answered is None else int(step.answered),
        step.took,
        int(step.throttled),
        ",".join(GIVE_BACK[step.refund]),
        _compact({unit: min(max(0, used), MOST_USED) for unit, used in step.usage.items()}),
        "" if step.retry_after is None else step.retry_after,
    )


def _spend(step: Spend) -> Sequence[str | int]:
    return step.call, step.lease, _shares(step.shares)


def _refused(step: Spend, reply: Any) -> Refused | None:  # noqa: ANN401 - as Redis answers
    index, wait = reply
    return Refused(index - 1, wait) if index else None


def _release(step: Release) -> Sequence[str | int]:
    return (step.call,)


def _nothing(step: object) -> Sequence[str | int]:
    return ()


def _truth(step: object, reply: Any) -> bool:  # noqa: ANN401 - as Redis answers
    return bool(reply)


def _none(step: object, reply: object) -> None:
    return None
