"""Texts to vectors: by a model of Dify's, or by any server that speaks OpenAI's embeddings API."""

import json
from collections.abc import Sequence
from typing import Literal, Protocol

import httpx

from faas_toolkit.capabilities.knowledge.config import DifyEmbedding, OpenAiEmbedding
from faas_toolkit.core.call import Call
from faas_toolkit.core.clock import Now
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import BadResponse
from faas_toolkit.core.outbound import Attempt, Outbound, Target
from faas_toolkit.net.http import HttpClient
from faas_toolkit.net.json_request import json_request
from faas_toolkit.net.openai_failures import failure_of_status

type Purpose = Literal["query", "document"]
type Vectors = list[list[float]]

MAX_BATCH = 16
"""Texts in one request: their vectors, written out as JSON, are read on the one thread that all calls share."""
_MAX_ANSWER_BYTES = 2_000_000
"""Sixteen vectors of 4,096 numbers, written out."""


class Embedder(Protocol):
    """An embedding model."""

    @property
    def model(self) -> str:
        """What tells its vectors from those of any other model."""
        ...

    @property
    def needs_host(self) -> bool:
        """Whether the host is asked."""
        ...

    def __call__(self, texts: Sequence[str], call: Call, purpose: Purpose) -> Vectors:
        """A vector for each text, all of one length, at most `MAX_BATCH` at once; raises a `Failure`."""
        ...


class DifyEmbedder:
    """A model of the workspace in Dify."""

    needs_host = True

    def __init__(self, *, config: DifyEmbedding, outbound: Outbound, client: HttpClient, key: str, now: Now) -> None:
        self.model = f"{config.provider}/{config.model}"[:255]
        self._config = config
        self._outbound = outbound
        self._target = config.to_target(f"model:dify/{config.provider}/{config.model}")

    def __call__(self, texts: Sequence[str], call: Call, purpose: Purpose) -> Vectors:
        """Asks Dify."""

        def send(deadline: Deadline) -> Vectors:
            deadline.require(f"The embedding model {self._config.model!r}", sent=False)
            return call.host.embed(texts, self._config.provider, self._config.model, purpose=purpose, deadline=deadline)

        vectors = self._outbound(Attempt(call=call, target=self._target, send=send))
        return _checked(vectors, texts, f"The embedding model {self._config.model!r}")


class OpenAiEmbedder:
    """A model behind `POST {url}/embeddings`.

    Args:
        config: where it is.
        outbound: the outbound chain.
        client: the HTTP client.
        key: the catalog key of its section, for texts, e.g. `knowledge.handbook.embedding`.
        now: epoch seconds.
    """

    needs_host = False

    def __init__(self, *, config: OpenAiEmbedding, outbound: Outbound, client: HttpClient, key: str, now: Now) -> None:
        self.model = f"{httpx.URL(config.url).host}/{config.model}"[:255]
        self._config = config
        self._outbound = outbound
        self._client = client
        self._key = key
        self._now = now
        self._target: Target = config.to_target(f"model:{self.model}")

    def __call__(self, texts: Sequence[str], call: Call, purpose: Purpose) -> Vectors:
        """Asks the server; what the text is for is not part of this API."""
        return self._outbound(Attempt(call=call, target=self._target, send=lambda deadline: self._ask(texts, deadline)))

    def _ask(self, texts: Sequence[str], deadline: Deadline) -> Vectors:
        what = f"The embedding model {self._config.model!r}"
        body = json.dumps({"model": self._config.model, "input": list(texts), "encoding_format": "float"}).encode()
        request = json_request(f"{self._config.url.rstrip('/')}/embeddings", body, auth=self._config.auth, now=self._now)
        response = self._client.send(request, deadline, what=what, max_bytes=_MAX_ANSWER_BYTES, tls=self._config.tls)
        if not response.is_success:
            raise failure_of_status(response, what, self._key, self._now())
        try:
            items = sorted(response.json()["data"], key=lambda item: item["index"])
            vectors = [list(map(float, item["embedding"])) for item in items]
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            hint = f"Check `{self._key}.url`."
            raise BadResponse(f"{what} answered something that is no list of vectors.", hint=hint) from error
        return _checked(vectors, texts, what)


def _checked(vectors: Vectors, texts: Sequence[str], what: str) -> Vectors:
    if len(vectors) != len(texts) or len({len(vector) for vector in vectors}) != 1 or not vectors[0]:
        raise BadResponse(f"{what} answered {len(vectors)} vectors for {len(texts)} texts, or vectors of unlike lengths.")
    return vectors
