"""What a model reads of the audit trail: one line for each row, and what a verification found, in words."""

from collections.abc import Iterator, Mapping, Sequence

type Row = Mapping[str, object]

_ARGUMENT_CHARS = 120
_SHOWN_FAULTS = 5
_SHOWN_ROWS = 200


def present_search(variables: Mapping[str, object], max_chars: int) -> str:
    """What the verification found first, then the rows that fit, newest first."""
    rows = _rows(variables["rows"])
    chain = variables["chain"]
    lines = [verification(chain)] if isinstance(chain, Mapping) and chain else []
    cursor = variables["next_cursor"]
    more = f" There are older ones: cursor={cursor}" if cursor else ""
    lines.append(f"{_counted(len(rows), 'audit row')}, newest first (UTC).{more}" if rows else "No audit row fits that question.")
    left = max_chars - sum(map(len, lines)) - 60
    shown = 0
    for line in map(_line, rows[:_SHOWN_ROWS]):
        left -= len(line) + 1
        if left < 0:
            break
        lines.append(line)
        shown += 1
    if shown < len(rows):
        lines.append(f"… and {len(rows) - shown} more rows; ask for less, or read the variable rows.")
    return "\n".join(lines)[:max_chars]


def verification(chain: Mapping[str, object]) -> str:
    """What a verification found, in words."""
    seen = f"{_counted(chain['rows'], 'row')} in {_counted(chain['chains'], 'chain')}"
    if chain["intact"]:
        anchors = _counted(chain["anchors"], "head")
        held = f"{anchors} known from elsewhere stand where they should"
        return f"Verified: {seen} are as they were written; {held}.{_unfinished(chain)}"
    return f"NOT VERIFIED: {seen} looked at. {' '.join(_findings(chain))}{_unfinished(chain)}"


def _findings(chain: Mapping[str, object]) -> Iterator[str]:
    faults = _rows(chain["faults"])
    if faults:
        told = "; ".join(
            f"row {fault['sequence']} of writer {fault['writer']}: {fault['what']}" for fault in faults[:_SHOWN_FAULTS]
        )
        rest = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        yield f"{_counted(len(faults), 'fault')}: {told}{rest}."
    if chain["unproved"]:
        yield (
            f"{_counted(chain['unproved'], 'row')} carry the proof of another key: they were written before the key was changed,"
            " through an endpoint with a key of its own, or by somebody else."
        )
    problems = chain["problems"]
    yield from (f"Also, {problem}." for problem in (problems if isinstance(problems, list) else []))
    if not chain["complete"]:
        yield "There was no time for all rows; `workbench audit verify` has no such bound."


def _unfinished(chain: Mapping[str, object]) -> str:
    requests = chain["unfinished"]
    if not isinstance(requests, list) or not requests:
        return ""
    return (
        f" {_counted(len(requests), 'effect')} began and nobody wrote down how it ended (a process was killed, or it runs now):"
        f" requests {', '.join(map(str, requests[:_SHOWN_FAULTS]))}{' …' if len(requests) > _SHOWN_FAULTS else ''}."
    )


def _line(row: Row) -> str:
    how = [
        f"{row['outcome']}",
        "cached" if row.get("cached") else "",
        f"{row['milliseconds']} ms" if "milliseconds" in row else "",
    ]
    roles = row.get("roles")
    told = f" ({', '.join(map(str, roles))})" if isinstance(roles, (list, tuple)) and roles else ""
    arguments = str(row.get("arguments") or "")
    kept = f" {arguments[:_ARGUMENT_CHARS]}{'…' if len(arguments) > _ARGUMENT_CHARS else ''}" if arguments else ""
    who = row["subject"] or "nobody known"
    what = f"{row['time']} {row['operation']} {', '.join(filter(None, how))}"
    return f"- {what}; by {who}{told}; request {row.get('request', '?')}{kept}"


def _rows(value: object) -> Sequence[Row]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, (list, tuple)) else []


def _counted(number: object, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
