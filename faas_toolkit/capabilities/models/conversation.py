"""What the tools' parameters say, as a conversation."""

from collections.abc import Mapping
from typing import cast, get_args

from faas_toolkit.capabilities.models.port import Asked
from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.core.host import Message, Speaker
from faas_toolkit.core.untrusted import printable

MAX_MESSAGES = 500
EXAMPLE = '[{"role": "user", "content": "Hello"}]'
_ROLES: tuple[str, ...] = get_args(Speaker)


def asked_by(arguments: Mapping[str, object]) -> Asked:
    """The conversation of a call, its system text first.

    Raises:
        InvalidInput: neither or both of `prompt` and `messages`, or messages that are none.
    """
    prompt, messages, system = arguments.get("prompt"), arguments.get("messages"), arguments.get("system")
    if (prompt is None) == (messages is None):
        raise InvalidInput("Give either prompt or messages.", hint=f"Example: prompt=Hello, or messages={EXAMPLE}")
    told = [Message("user", str(prompt))] if prompt is not None else _messages(messages)
    temperature, max_tokens = arguments.get("temperature"), arguments.get("max_tokens")
    return Asked(
        messages=(*([Message("system", str(system))] if system else []), *told),
        temperature=float(temperature) if isinstance(temperature, (int, float)) else None,
        max_tokens=max_tokens if isinstance(max_tokens, int) else None,
    )


def _messages(given: object) -> list[Message]:
    if not isinstance(given, (list, tuple)) or not 0 < len(given) <= MAX_MESSAGES:
        raise InvalidInput(f"messages must be a list of 1 to {MAX_MESSAGES} messages.", hint=f"Example: {EXAMPLE}")
    messages = [_message(number, item) for number, item in enumerate(given, 1)]
    if messages[-1].role != "user":
        raise InvalidInput("The last of the messages must be one of the user: it is what is answered.")
    return messages


def _message(number: int, given: object) -> Message:
    role = given.get("role") if isinstance(given, Mapping) else None
    content = given.get("content") if isinstance(given, Mapping) else None
    if role not in _ROLES or not isinstance(content, str) or not content.strip():
        raise InvalidInput(
            f"Message {number} must have a role ({', '.join(_ROLES)}) and a content that is a text, got {printable(given)}.",
            hint=f"Example: {EXAMPLE}",
        )
    return Message(cast("Speaker", role), content)
