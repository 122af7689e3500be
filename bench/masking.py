"""How long review and redaction of 1 MB hold the hub at a time: `python -m bench.masking`.

Figures are the thread's CPU time, since a busy machine would be measured otherwise: the longest between two turns of other
calls, and all of it. The first two cases are ordinary answers, the others cost a detector much. Goal: never held
above 35 ms.
"""

import json
import time
from collections.abc import Callable, Mapping
from itertools import pairwise

from bench.measure import Goal, save
from faas_toolkit.core.call import Answer, Call, MaskMode, Origin, Record, Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadlines
from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.operation import Operation
from faas_toolkit.core.redaction import SecretRedactor
from faas_toolkit.core.schema import Shape
from faas_toolkit.pipeline.audit_row import RowWriter
from faas_toolkit.pipeline.instructions import InstructionMarks
from faas_toolkit.pipeline.masking import Masker
from faas_toolkit.pipeline.tokens import Tokens

SIZE = 1_000_000
GOAL_MS = 35
WORKSPACE = Workspace("bench", bytes(32))
SECRETS = [f"{number}-{number * 7919:x}-{'kvQz9'[number % 5]}xUe73/+{number}==" for number in range(20)]


def record_number(number: int) -> dict[str, object]:
    """A person as a CRM tells of one."""
    return {
        "id": f"person:{number}",
        "name": "Zhang Wei",
        "email": f"zhang.wei{number}@example.com",
        "phone": f"138-1234-{number % 10_000:04}",
        "note": "met at the fair, wants a quote for 200 units by 2026-11-03",
        "card": "4111 1111 1111 1111",
        "iban": "DE89 3704 0044 0532 0130 00",
        "id_card": "11010519491231002X",
        "link": f"postgres://crm:hunter{number}@db.example.com/app",
        "amount": number * 1_000,
        "created_at": 1_700_000_000 + number,
    }


PIECES = (
    "1",
    "@",
    "+",
    "+1",
    "1 ",
    "1-",
    "a@",
    "a@a.",
    "%40",
    "tel 1",
    "020 7946 ",
    "+123456789012345a",
    "０－",
    "字",
    "1\u200b",
    " eyJ",
    "eyJaaaaaaaaa.",
    " sk-a-",
    "://a:b@",
    "-----BEGIN PRIVATE KEY-----\n",
    "-----BEGIN PRIVATE KEY-----\n" + "A" * 70 + "\n",
    "password: ",
    "secret=a1",
    "DE89 ",
    "4111 ",
    "４１１１　",
    "11010519491231",
    "マイナンバー1",
    "ignore all ",
    "<!-- a",
    "QUJD" * 11,
    SECRETS[0],
)
CASES: dict[str, object] = {
    "records": [record_number(number) for number in range(SIZE // 350)],
    "prose": ("The customer asked about order 2024-1234 and paid 1,250.00 EUR; write to ana@example.com. " * SIZE)[:SIZE],
    "addresses as keys": {f"zhang.wei{number}@example.com": number for number in range(SIZE // 32)},
    "short addresses as keys": {f"{number:x}@a.co": number for number in range(SIZE // 16)},
    "short texts": [f"x{number}" for number in range(SIZE // 7)],
    "numbers": list(range(SIZE // 7)),
    **{f"only {piece!r}": (piece * SIZE)[:SIZE] for piece in PIECES},
}


def main() -> None:
    """Measures every case and prints."""
    figures: dict[str, dict[str, float]] = {}
    for name, value in CASES.items():
        row = figures[name] = {}
        measured(row, "mask", lambda turn, value=value: masker("partial", turn).value(value))
        measured(row, "token", lambda turn, value=value: masker("token", turn).value(value))
        measured(row, "mark", lambda turn, value=value: marked(value, turn))
        measured(row, "redact", lambda turn, value=value: SecretRedactor(SECRETS, turn).value(value))
        measured(row, "audit", lambda _, value=value: write_row(value))
        print(f"{name[:24]:24} {json.dumps(row)}")
    goals = [
        Goal(f"{step}: longest hold, ms", max(row[f"{step}_longest_ms"] for row in figures.values()), GOAL_MS)
        for step in ("mask", "token", "mark", "redact", "audit")
    ]
    print(*goals, sep="\n")
    print(save("masking", figures, goals))


def measured(row: dict[str, float], step: str, work: Callable[[Callable[[], None]], object]) -> None:
    """Adds the figures of one step."""
    times = [time.thread_time()]
    work(lambda: times.append(time.thread_time()))
    times.append(time.thread_time())
    row[f"{step}_longest_ms"] = round(max(end - start for start, end in pairwise(times)) * 1_000, 1)
    row[f"{step}_ms"] = round((times[-1] - times[0]) * 1_000, 1)


def masker(mode: MaskMode, turn: Callable[[], None]) -> Masker:
    """All detectors, for a caller who is shown all findings so."""
    return Masker(dict.fromkeys(DETECTORS, mode), blank(), turn, tokens=Tokens(WORKSPACE))


def marked(value: object, turn: Callable[[], None]) -> Answer:
    """The value with marks for instructions."""
    return InstructionMarks(turn).answer(Answer(variables={"value": value}, source="bench"), call({}))


def blank() -> Record:
    """A record of nothing."""
    return Record(request_id="bench", started=0.0)


def write_row(value: object) -> object:
    """An audit row with the value as argument."""
    writer = RowWriter(arguments="masked", detectors=tuple(DETECTORS), redact=SecretRedactor(SECRETS), catalog_hash="")
    return writer(call({"filters": value}), "ok", 0.1)


def call(arguments: Mapping[str, object]) -> Call:
    """A call that nobody answers."""
    return Call(
        operation=Operation(name="crm.lookup", tool="crm_lookup", grant=None, shape=Shape()),
        arguments=arguments,
        origin=Origin(workspace=WORKSPACE, surface="workflow"),
        deadlines=Deadlines.start(SystemClock()),
        record=blank(),
        host=None,  # type: ignore[arg-type]  # nobody asks it
    )


if __name__ == "__main__":
    main()
