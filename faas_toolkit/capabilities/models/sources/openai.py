"""A model behind an OpenAI-compatible server: `POST /chat/completions`, answered as server-sent events."""

from collections.abc import Iterator
from contextlib import closing

import httpx

from faas_toolkit.capabilities.models.config import OpenAiDeployment
from faas_toolkit.capabilities.models.port import Asked, Report
from faas_toolkit.capabilities.models.sources.chat_completion import parse_event, read_answer, request_body
from faas_toolkit.core.call import Call
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.clock import Now
from faas_toolkit.core.deadline import Deadline, StreamPace
from faas_toolkit.core.errors import BadResponse, Blocked, Failure, Unavailable
from faas_toolkit.net.authorization import credentials
from faas_toolkit.net.http import HttpClient, StreamedResponse
from faas_toolkit.net.openai_failures import failure_of_status
from faas_toolkit.net.sse import event_data

MAX_BYTES = 20_000_000
"""Of a streamed answer; each token comes with some 200 bytes around it."""
MAX_WHOLE_BYTES = 2_000_000
"""Of an answer that comes whole: its JSON is parsed at once."""
_DONE = "[DONE]"
_USAGE_SECONDS = 2.0
"""For the usage, which comes right behind the end of the answer, and for [DONE]; not every server sends them."""
_COMPLAINT_SECONDS = 1.0
"""For the words of a refusal: its status and headers say what it is."""
_WIND_DOWN_SECONDS = 0.1
"""For the end of the body after the end of the answer, which leaves the connection to the next call."""


class OpenAiModel:
    """One deployment.

    Args:
        name: as texts name it, e.g. `chat.main`.
        key: of the deployment in the catalog.
        config: where it is and how it knows us.
        client: the HTTP client.
        now: epoch seconds.
    """

    def __init__(self, *, name: str, key: str, config: OpenAiDeployment, client: HttpClient, now: Now) -> None:
        self._what = f"Model {name!r}"
        self._key = key
        self._config = config
        self._client = client
        self._now = now
        self._url = f"{config.url.rstrip('/')}/chat/completions"
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "text/event-stream, application/json;q=0.9",
            "Accept-Encoding": "identity",  # a compressor would hold tokens back
            "User-Agent": "faas-toolkit",
            **credentials(config.auth),
        }

    def generate(self, asked: Asked, call: Call, pace: StreamPace, report: Report) -> Iterator[str]:
        """See `ModelSource`. A server that answers whole, because it cannot stream, is read too."""
        body = {**request_body(asked, self._config.model), "stream": True, "stream_options": {"include_usage": True}}
        request = httpx.Request("POST", self._url, headers=self._headers, content=canonical_json(body).encode())
        try:
            response = self._client.stream(request, pace, what=self._what, max_bytes=MAX_BYTES, tls=self._config.tls)
        except Blocked as failure:  # a rule on addresses, not on this call: for the caller the model is just not there
            raise Unavailable(failure.message, hint=failure.hint, retryable=False, not_executed=True) from failure
        with closing(response):
            if response.status != httpx.codes.OK:
                raise failure_of_status(_refusal(response, pace), self._what, self._key, self._now())
            if "json" in response.headers.get("content-type", "").lower():
                yield self._whole(response, report)
            else:
                yield from self._streamed(response, pace, report)

    def check(self, deadline: Deadline) -> str:
        """Whether something listens at the address; nothing is generated."""
        self._client.connect(self._config.url, deadline, what=self._what, tls=self._config.tls)
        return "accepts connections"

    def _whole(self, response: StreamedResponse, report: Report) -> str:
        body = response.read().content
        if len(body) > MAX_WHOLE_BYTES:
            raise BadResponse(f"{self._what} answered more than {MAX_WHOLE_BYTES:,} bytes at once.")
        text = read_answer(parse_event(body.decode("utf-8", "replace"), self._what), report, self._what, part="message")
        report.finish_reason = report.finish_reason or "stop"
        return text

    def _streamed(self, response: StreamedResponse, pace: StreamPace, report: Report) -> Iterator[str]:
        ended = False
        try:
            for data in event_data(response.pieces(), self._what):
                if data.strip() == _DONE:
                    ended = True
                    pace.wind_down(_WIND_DOWN_SECONDS)
                elif not ended and (text := read_answer(parse_event(data, self._what), report, self._what, part="delta")):
                    yield text
                if report.finish_reason:
                    pace.wind_down(_USAGE_SECONDS)
        except Failure:
            if not (ended or report.finish_reason):
                raise
        if not ended and not report.finish_reason:
            raise BadResponse(f"The answer of {self._what} ended without its end: neither `finish_reason` nor [DONE] came.")


def _refusal(response: StreamedResponse, pace: StreamPace) -> httpx.Response:
    """A refusal with its words, or without where they do not come, are too many or cannot be read."""
    pace.wind_down(_COMPLAINT_SECONDS)
    try:
        return response.read()
    except Failure:
        return httpx.Response(response.status, headers=response.headers)
