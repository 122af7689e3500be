"""A knowledge base behind any server that speaks Dify's External Knowledge API: RAGFlow, LlamaCloud, Bedrock, another Dify."""

import json

import httpx

from faas_toolkit.capabilities.knowledge.config import ExternalKnowledgeConfig
from faas_toolkit.capabilities.knowledge.port import Found, Question
from faas_toolkit.capabilities.knowledge.sources.retrieval import found_in, request_of
from faas_toolkit.core.call import Call, Workspace
from faas_toolkit.core.clock import Now
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse, Failure, Unavailable
from faas_toolkit.core.outbound import Target
from faas_toolkit.core.untrusted import parse_json
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.json_request import json_request
from faas_toolkit.platforms.answer import complaint_of, require_success

_MAX_ANSWER_BYTES = 1_000_000
_WRONG_CREDENTIALS = (1001, 1002)
_NO_SUCH_BASE = 2001
"""Codes of the API's errors (Dify's documentation of the External Knowledge API)."""
_NOT_THERE = (404, 405, 410)


class ExternalKnowledge:
    """A `KnowledgeSource` over HTTP.

    Args:
        name: the base's name in the catalog.
        config: its section.
        client: the HTTP client.
        now: epoch seconds.
    """

    kind = "external_knowledge"
    fresh_for = 0.0
    needs_host = False

    def __init__(self, *, name: str, config: ExternalKnowledgeConfig, client: HttpClient, now: Now) -> None:
        self._name = name
        self._what = f"The knowledge base {name!r}"
        self._config = config
        self._client = client
        self._now = now
        self._url = config.url if config.url.rstrip("/").endswith("/retrieval") else f"{config.url.rstrip('/')}/retrieval"
        self.target: Target | None = config.to_target(f"knowledge:{name}")

    def find(self, question: Question, deadline: Deadline) -> Found:
        """Asks the server once; filters and access are its own matter."""
        body = json.dumps(request_of(question, self._config.id), ensure_ascii=False).encode()
        request = json_request(self._url, body, auth=self._config.auth, now=self._now)
        response = self._client.send(request, deadline, what=self._what, max_bytes=_MAX_ANSWER_BYTES, tls=self._config.tls)
        self._require_success(response)
        try:
            answer = parse_json(response.content.decode("utf-8-sig"), "the answer")
        except (Failure, UnicodeDecodeError) as error:
            raise BadResponse(f"{self._what} answered something that is no JSON.", hint=f"Check `{self._key}.url`.") from error
        return found_in(answer, question, self._name, self._what)

    def version(self, workspace: Workspace) -> str | None:
        """The API has no change counter."""
        return None

    def check(self, call: Call, deadline: Deadline) -> str:
        """Whether something listens at the address."""
        self._client.connect(self._url, deadline, what=self._what, tls=self._config.tls)
        return "accepts connections"

    @property
    def _key(self) -> str:
        return f"knowledge.{self._name}"

    def _require_success(self, response: httpx.Response) -> None:
        """The API's own codes first: servers send them with whatever status they like."""
        code = _code_of(response)
        if code in _WRONG_CREDENTIALS:
            raise Unavailable(
                f"{self._what} refuses our credentials (code {code}).",
                hint=f"An administrator checks `{self._key}.auth` in the catalog.",
                retryable=False,
                not_executed=True,
            )
        if code == _NO_SUCH_BASE:
            raise Unavailable(
                f"The server of {self._what.lower()} has no base {self._config.id!r}.",
                hint=f"An administrator checks `{self._key}.id` in the catalog.",
                retryable=False,
                not_executed=True,
            )
        if response.status_code in _NOT_THERE:
            raise Unavailable(
                f"There is no External Knowledge API at the address of {self._what.lower()} (HTTP {response.status_code}).",
                hint=f"An administrator checks `{self._key}.url` in the catalog.",
                retryable=False,
                not_executed=True,
            )
        if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise self._server_error(response)
        require_success(response, self._what, f"{self._key}.auth", self._now())

    def _server_error(self, response: httpx.Response) -> Unavailable:
        """A search changes nothing, so a server's fault may be tried again, whatever it says of it."""
        said = complaint_of(response)
        return Unavailable(f"{self._what} failed (HTTP {response.status_code}).{f' It says: {said}' if said else ''}")


def _code_of(response: httpx.Response) -> object:
    if response.is_success or len(response.content) > 100_000:
        return None
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return None
    return body.get("error_code") if isinstance(body, dict) else None
