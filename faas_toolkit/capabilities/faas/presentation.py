"""What a model reads of a function's answer."""

import json
from collections.abc import Mapping

HEADING = "The function answered: "
ACCEPTED = "The function accepted the work and has not finished it (HTTP 202); it answered: "


def present_call(variables: Mapping[str, object], max_chars: int) -> str:
    """The answer as compact JSON or text, cut at the bound and saying so."""
    data, heading = variables["data"], ACCEPTED if variables.get("status") == "pending" else HEADING
    if data is None:
        return f"{heading}nothing."[:max_chars]
    written = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(", ", ": "))
    if len(heading) + len(written) <= max_chars:
        return heading + written
    mark = f"… (cut: {len(written):,} characters in all; ask the function for less)"
    return f"{heading}{written[: max(0, max_chars - len(heading) - len(mark))]}{mark}"[:max_chars]
