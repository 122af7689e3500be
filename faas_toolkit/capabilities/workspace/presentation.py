"""What a model reads of the list, of the diagnosis, and of what was warmed."""

from collections.abc import Iterator, Mapping, Sequence

from faas_toolkit.core.canonical import canonical_json

_MARKS = {"ok": "ok", "warning": "WARNING", "failed": "FAILED"}
_ONE_ENTRY_ARGUMENTS = 4_000
_LISTED_ARGUMENTS = 400


def present_capabilities(variables: Mapping[str, object], max_chars: int) -> str:
    """One line for each entry; the argument schemas as long as they fit."""
    entries = _rows(variables, "capabilities")
    if not entries:
        return "There is nothing you may call here. An administrator grants it in the catalog's `roles`."
    room = _ONE_ENTRY_ARGUMENTS if len(entries) == 1 else _LISTED_ARGUMENTS
    text = _joined(f"You may use {len(entries)}:", (_entry(entry, room) for entry in entries), max_chars)
    return text if text is not None else _short_list(entries, max_chars)


def present_report(variables: Mapping[str, object], max_chars: int) -> str:
    """What needs repair first, then the rest."""
    findings = _rows(variables, "report")
    broken = sum(finding["status"] != "ok" for finding in findings)
    heading = f"{broken} of {len(findings)} checks need attention:" if broken else f"All {len(findings)} checks are fine:"
    ordered = sorted(findings, key=lambda finding: ("failed", "warning", "ok").index(str(finding["status"])))
    lines = [heading, *(_finding(finding) for finding in ordered)]
    return _cut(lines, max_chars)


def present_warming(variables: Mapping[str, object], max_chars: int) -> str:
    """The numbers, then what failed and what was skipped."""
    numbers = ", ".join(f"{variables[name]} {name}" for name in ("warmed", "kept", "failed", "skipped"))
    told = [row for row in _rows(variables, "report") if row["outcome"] in ("failed", "skipped")]
    lines = [f"- call {row['number']} ({row['tool']}) {row['outcome']}: {row.get('message', '')}" for row in told]
    return _cut([f"Answers kept ready: {numbers}.", *lines], max_chars)


def present_erasure(variables: Mapping[str, object], max_chars: int) -> str:
    """What is, or was, erased and what stays, and how it is confirmed."""
    traces = _rows(variables, "report")
    done = variables["erased"] is True
    going = [trace for trace in traces if trace["action"] != "keep"]
    staying = [trace for trace in traces if trace["action"] == "keep"]
    lines = ["Erased:" if done else "Nothing was changed yet. To be erased:", *map(_trace, going)]
    if staying:
        lines += ["Not erased, look at it yourself:", *map(_trace, staying)]
    if not done:
        lines.insert(1, f"(Confirm with confirm={variables['confirm']})")
    return _cut(lines, max_chars)


def _trace(trace: Mapping[str, object]) -> str:
    times = f" ({trace['count']})" if trace["count"] != 1 else ""
    return f"- {trace['place']} {trace['item']}{times}: {trace['action']}. {trace['text']}"


def _rows(variables: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    rows = variables[name]
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _entry(entry: Mapping[str, object], room: int) -> str:
    effects = "" if entry["effects"] == "none" else f" Effects: {entry['effects']}."
    line = f"- {entry['family']} {entry['name']} ({entry['kind']}): {entry['description'] or 'no description'}{effects}"
    line += f" Use: {entry['use']}"
    schema = canonical_json(entry["arguments"]) if entry.get("arguments") else ""
    if not schema:
        return line
    if len(schema) > room:
        return f"{line} (ask again with name={entry['name']} for its arguments)"
    return f"{line} arguments: {schema}"


def _short_list(entries: Sequence[Mapping[str, object]], max_chars: int) -> str:
    heading = f"You may use {len(entries)}; ask again with family or name for the details:"
    return _cut([heading, *(f"- {entry['family']} {entry['name']}" for entry in entries)], max_chars)


def _finding(finding: Mapping[str, object]) -> str:
    repair = f" Repair: {finding['repair']}" if finding["repair"] else ""
    return f"- [{_MARKS[str(finding['status'])]}] {finding['check']} {finding['item']}: {finding['text']}{repair}"


def _joined(heading: str, lines: Iterator[str], max_chars: int) -> str | None:
    text = "\n".join([heading, *lines])
    return text if len(text) <= max_chars else None


def _cut(lines: Sequence[str], max_chars: int) -> str:
    kept: list[str] = []
    left = max_chars - 40
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            kept.append(f"… and {len(lines) - len(kept)} more lines.")
            break
        kept.append(line)
    return "\n".join(kept)
