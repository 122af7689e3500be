"""Language models that are set up in Dify, asked through the SDK's backwards calls (dify-runtime §4.3)."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from faas_toolkit.core.deadline import StreamPace
from faas_toolkit.core.errors import Blocked, Failure, InvalidInput, Throttled, TimeoutUnknown, TooLarge, Unavailable
from faas_toolkit.core.host import Generated, HostModel, Message
from faas_toolkit.core.untrusted import printable

if TYPE_CHECKING:
    from faas_toolkit.net.http import HardLimit

_SHOWN_CHARS = 300
_PATH = re.compile(r"(?:[A-Za-z]:)?(?:/[\w.@-]+){2,}/?")


class DifyModels:
    """The workspace's language models; not to be kept after the call.

    Args:
        session: of the SDK.
        hard_limit: ends a wait for Dify, which itself waits for minutes.
    """

    def __init__(self, session: Any, hard_limit: "HardLimit") -> None:  # noqa: ANN401 - the SDK's Session
        self._session = session
        self._hard_limit = hard_limit

    def generate(self, model: HostModel, messages: Sequence[Message], pace: StreamPace) -> Iterator[Generated]:
        """See `core.host.LanguageModels`; the SDK sends nothing before its first piece is asked for."""
        what = f"Model {model.name} of Dify"
        with closing(self._invoke(model, messages)) as pieces:
            while True:
                try:
                    with self._hard_limit(pace.remaining()):
                        piece = next(pieces, None)
                except Failure:
                    raise
                except TimeoutError as error:
                    raise TimeoutUnknown(f"{what} did not answer in time.") from error
                except Exception as error:
                    raise failure_of(str(error), what) from error
                if piece is None:
                    return
                yield _generated(piece)

    def _invoke(self, model: HostModel, messages: Sequence[Message]) -> Any:  # noqa: ANN401 - a generator of the SDK's chunks
        from dify_plugin.entities.model.llm import LLMModelConfig

        config = LLMModelConfig(
            provider=model.provider, model=model.name, mode=model.mode, completion_params=dict(model.parameters)
        )
        return self._session.model.llm.invoke(config, [_prompt_message(message) for message in messages], stream=True)


def _prompt_message(message: Message) -> Any:  # noqa: ANN401 - one of the SDK's messages
    from dify_plugin.entities.model.message import AssistantPromptMessage, SystemPromptMessage, UserPromptMessage

    kinds = {"system": SystemPromptMessage, "user": UserPromptMessage, "assistant": AssistantPromptMessage}
    return kinds[message.role](content=message.content)


def _generated(piece: Any) -> Generated:  # noqa: ANN401 - the SDK's LLMResultChunk
    delta = piece.delta
    content, usage = delta.message.content, delta.usage
    text = content if isinstance(content, str) else delta.message.get_text_content() if content else ""
    if usage is None:
        return Generated(text=text, model=piece.model, finish_reason=delta.finish_reason or "")
    return Generated(
        text=text,
        model=piece.model,
        finish_reason=delta.finish_reason or "",
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        price=price if math.isfinite(price := float(usage.total_price)) else None,
        currency=usage.currency,
    )


def failure_of(said: str, what: str) -> Failure:
    """The failure for what Dify says; its words arrive as one text, with the class of the model plugin's error inside."""
    text, shown = said.lower(), _sentence(said)
    for words, make in _MEANINGS:
        if any(word in text for word in words):
            return make(what, shown)
    return Unavailable(f"{what} could not be asked. Dify says: {shown}")


def _refused(what: str, shown: str) -> Failure:
    return Unavailable(
        f"{what} cannot be used. Dify says: {shown}",
        hint="An administrator checks the model's provider and its key in Dify's settings, and the name in the catalog.",
        retryable=False,
        not_executed=True,
    )


def _late(what: str, _: str) -> Failure:
    return TimeoutUnknown(f"{what} did not answer in time.")


def _too_long(what: str, shown: str) -> Failure:
    return TooLarge(f"The prompt is larger than {what} takes. Dify says: {shown}", hint="Send less.", not_executed=True)


def _filtered(what: str, shown: str) -> Failure:
    return Blocked(f"{what} refuses this content. Dify says: {shown}")


def _busy(what: str, shown: str) -> Failure:
    return Throttled(f"{what} is being asked too often. Dify says: {shown}", not_executed=True)


def _wrong(what: str, shown: str) -> Failure:
    return InvalidInput(f"{what} refuses the request. Dify says: {shown}", not_executed=True)


_MEANINGS = (
    (("permission denied",), _refused),
    (("exited without response",), _late),
    (("maximum context", "context length", "context_length", "context window", "prompt is too long"), _too_long),
    (("content_filter", "content management policy", "content policy"), _filtered),
    (("ratelimiterror", "rate limit", "too many requests", "http 429", "quota exceeded"), _busy),
    (("authorizationerror", "http 401", "http 403", "does not exist", "not found", "credentials"), _refused),
    (("badrequesterror", "http 400", "http 422"), _wrong),
)
"""Words of Dify, of its model plugins and of the servers behind them, in the order in which they are looked for."""


def _sentence(said: str) -> str:
    """The innermost thing that was said, without JSON around it, tracebacks or paths."""
    text = said.rpartition("request failed: ")[2]
    found = re.search(r"\{.*\}", text, re.DOTALL)
    if found:
        try:
            inner = json.loads(found.group())
        except ValueError:
            inner = None
        if isinstance(inner, dict):
            arguments = inner.get("args")
            described = arguments.get("description") if isinstance(arguments, dict) else None
            text = str(described or inner.get("message") or inner.get("error_type") or "an error")
    if "Traceback" in text:
        return "an error of the model's plugin"
    return printable(_PATH.sub("…", " ".join(text.split())), _SHOWN_CHARS)
