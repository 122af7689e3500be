"""A list of an answer that also goes out as a file of JSON lines, made of what was reviewed and redacted."""

from collections.abc import Mapping
from dataclasses import field

from faas_toolkit.core.call import Answer
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Pace


@immutable(kw_only=True)
class OutgoingFile:
    """A file that goes out with an answer, where the host takes files."""

    name: str
    media_type: str
    content: bytes = field(repr=False)


def exported_file(answer: Answer, pace: Pace) -> OutgoingFile | None:
    """Made of what was reviewed and redacted, so that a file shows nothing that the variable would not."""
    if answer.exported is None:
        return None
    items = answer.variables[answer.exported.variable]
    lines: list[bytes] = []
    for item in items if isinstance(items, (list, tuple)) else ():
        lines.append(canonical_json(item).encode("utf-8", "replace") + b"\n")
        pace(len(lines[-1]))
    return OutgoingFile(name=answer.exported.name, media_type="application/x-ndjson", content=b"".join(lines))


def without_exported(answer: Answer) -> Mapping[str, object]:
    """The variables with as many items as a variable should hold."""
    if answer.exported is None:
        return answer.variables
    items = answer.variables[answer.exported.variable]
    shown = list(items[: answer.exported.shown]) if isinstance(items, (list, tuple)) else items
    return {**answer.variables, answer.exported.variable: shown}
