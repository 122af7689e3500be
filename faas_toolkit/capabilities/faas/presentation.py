"""What a model reads of a function's answer."""

import json
from collections.abc import Mapping


def present_call(variables: Mapping[str, object], max_chars: int) -> str:
    """The answer as compact JSON or text, cut at the bound and saying so."""
    data = variables["data"]
    if data is None:
        return "The function ran and answered nothing."
    written = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(", ", ": "))
    heading = "The function answered: "
    room = max_chars - len(heading) - 80
    if len(written) <= room:
        return heading + written
    return f"{heading}{written[:room]}… (cut: {len(written):,} characters in all; ask the function for less)"
