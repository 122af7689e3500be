"""What a model reads of a function's answer."""

from collections.abc import Mapping

from faas_toolkit.core.canonical import beginning_of_json

HEADING = "The function answered: "
ACCEPTED = "The function accepted the work and has not finished it (HTTP 202); it answered: "

_CUT = "… (cut; ask the function for less)"


def present_call(variables: Mapping[str, object], max_chars: int) -> str:
    """The answer as compact JSON or text, cut at the bound and saying so."""
    data, heading = variables["data"], ACCEPTED if variables.get("status") == "pending" else HEADING
    if data is None:
        return f"{heading}nothing."[:max_chars]
    written = data if isinstance(data, str) else beginning_of_json(data, max_chars)
    if len(heading) + len(written) <= max_chars:
        return heading + written
    return f"{heading}{written[: max(0, max_chars - len(heading) - len(_CUT))]}{_CUT}"[:max_chars]
