"""The demo: a question about a customer of the sample, answered by an agent with real functions on a real FaaS runtime.

Everything in it is what runs in production, but for the places that Dify fills: the host (this package plays the daemon) and,
where no model is configured, the deciding part (a small planner that says that it is one).
"""

import json
import os
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from rich.console import Console

from workbench import busy_run
from workbench import demo_output as show
from workbench.agent import Agent, NoAnswer, Step
from workbench.chat_model import DEFAULT_MODEL, ChatModel
from workbench.facts import Evidence, Fact, facts_in, facts_of_text
from workbench.functions_runtime import Function, FunctionNotStarted, RunningFunction, serving
from workbench.host import PluginHost
from workbench.openai_models import ModelServer, ModelServerError
from workbench.planner import Planner, question_about
from workbench.session import HostFailure

PROJECT = Path(__file__).parents[1]
SAMPLES = PROJECT / "functions" / "samples"
CALLED, SERVING = ("churn_score", "exchange_rates"), ("partner_directory", "policy_search", "summarise")
FUNCTIONS = tuple(Function(SAMPLES / name) for name in (*CALLED, *SERVING))
COMPANY = "Vila Nova Saúde Ltda"
PROVEN = {"churn_score": "score", "exchange_rates": "total"}
"""The value of each function's reply that an answer must hold."""

_ORIGINS = {"crm_lookup": "the store", "knowledge_search": "the handbook", "model_generate": "a model"}
_PASSAGE = re.compile(r"\b\w+:\d+#\d+")
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
_SHORTEST_SENTENCE = 20

_PROOF_ORDER = ("function_call", "model_generate", "knowledge_search", "crm_lookup")
_WORDS_OF_THE_STORE = frozenset({"entity", "source", "match", "stage"})
"""Fields whose values are ordinary words."""


def run(console: Console, company: str | None = None) -> int:
    """Shows the demo; 0 only when the answer rests on everything that it should, and the busy run on the limiter."""
    question = question_about(company or COMPANY)
    try:
        with ExitStack() as stack:
            server = ModelServer.from_environment()
            host, functions = _started(console, stack, server)
            brain = ChatModel(server, host.declaration.tools) if server else Planner()
            show.brain(console, brain.name)
            show.question(console, question)
            started = time.monotonic()
            credentials = settings(functions, server)
            agent = Agent(host, brain, credentials, lambda number, step: show.step(console, number, step))
            answer, steps = agent.answer(question)
            seconds = time.monotonic() - started
            found = evidence(question, answer, steps)
            show.answer(console, answer, found)
            show.ended(console, seconds)
            busy = busy_run.run(host, credentials)
            show.busy(console, busy)
    except (FunctionNotStarted, HostFailure, ModelServerError, NoAnswer) as error:
        show.failed(console, str(error))
        return 1
    missing = missing_sources(found)
    if missing:
        show.failed(console, f"The answer holds no fact from {' and none from '.join(missing)}.")
    if not busy.complete:
        show.failed(console, "The busy run did not show the limiter at work.")
    return 1 if missing or not busy.complete else 0


def settings(functions: Sequence[RunningFunction], server: ModelServer | None = None) -> dict[str, str]:
    """The plugin's settings: the catalog of the samples with the addresses where the functions run.

    With a model server, its model stands first in the pool, and the sample function behind it.
    """
    document = yaml.load((SAMPLES / "catalog.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for function in functions:
        document["functions"][function.name]["target"]["url"] = function.url
    if server is None:
        return {"catalog": json.dumps(document)}
    deployment = {"name": "main", "kind": "openai", "url": server.url, "model": server.model or DEFAULT_MODEL}
    deployment |= {"auth": {"bearer": "${secret:model}"}, "tls": {"minimum": "1.2"}}
    document["models"]["pools"]["chat"]["deployments"].insert(0, deployment)
    return {"catalog": json.dumps(document), "secrets": json.dumps({"model": server.key})}


def evidence(question: str, answer: str, steps: Sequence[Step]) -> list[Evidence]:
    """The facts of the answer with their origin, each once: what the functions replied, then all else, the store last."""
    found: dict[str | float, Evidence] = {}
    for step in sorted(steps, key=lambda step: _PROOF_ORDER.index(step.call.tool) if step.call.tool in _PROOF_ORDER else -1):
        source = str(step.variables.get("source", ""))
        for fact in _facts(question, answer, step, source):
            found.setdefault(fact.value, Evidence(fact, step.call.tool, source))
    return list(found.values())


def _facts(question: str, answer: str, step: Step, source: str) -> list[Fact]:
    if not step.ok:
        return []
    if step.call.tool == "crm_lookup":
        if "records" in step.variables:
            facts = facts_in(answer, {"records": step.variables["records"]}, known=question)
            return [fact for fact in facts if fact.path.rsplit(".")[-1] not in _WORDS_OF_THE_STORE]
        return facts_of_text(answer, step.observation, known=question)
    if step.call.tool == "knowledge_search":
        return _cited(answer, step)
    if step.call.tool == "model_generate":
        return _said(answer, str(step.variables.get("answer") or step.observation))
    data = step.variables.get("data") or _json_in(step.observation)
    proven = PROVEN.get(source, "")
    return facts_in(answer, {proven: data.get(proven)}, known=question) if isinstance(data, dict) else []


def _cited(answer: str, step: Step) -> list[Fact]:
    """The passages that the answer names by their ids; agents read them in the text."""
    ids = [cited["id"] for cited in step.variables.get("citations") or ()] or _PASSAGE.findall(step.observation)
    return [Fact("citations", passage) for passage in dict.fromkeys(ids) if passage in answer]


def _said(answer: str, text: str) -> list[Fact]:
    """The sentences of a model that the answer repeats word for word."""
    sentences = (sentence.strip() for sentence in _SENTENCE.findall(text))
    return [Fact("answer", sentence) for sentence in sentences if len(sentence) >= _SHORTEST_SENTENCE and sentence in answer][:1]


def _json_in(text: str) -> object:
    """The document in the text of a function's answer: agents get no variable of it."""
    try:
        return json.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        return None


def missing_sources(found: Sequence[Evidence]) -> list[str]:
    """What the answer should rest on and does not."""
    held = {item.source if item.tool == "function_call" else _ORIGINS[item.tool] for item in found}
    return [name for name in (*_ORIGINS.values(), *PROVEN) if name not in held]


def _started(console: Console, stack: ExitStack, server: ModelServer | None) -> tuple[PluginHost, list[RunningFunction]]:
    show.title(console)
    started = time.monotonic()
    functions = stack.enter_context(serving(FUNCTIONS))
    show.functions(console, functions, time.monotonic() - started)
    data = stack.enter_context(tempfile.TemporaryDirectory(prefix="workbench-demo-", ignore_cleanup_errors=True))
    # Loopback is closed to catalogs, which tenants write; the operator opens it, and here that is the demo.
    addresses = [function.url for function in functions] + ([server.url] if server else [])
    allowed = ",".join(f"{urlsplit(url).scheme}://{urlsplit(url).netloc}" for url in addresses if _is_closed(url))
    environment = {"FAAS_TOOLKIT_DATA_DIR": data, "FAAS_TOOLKIT_NETWORK_ALLOW": allowed}
    started = time.monotonic()
    host = stack.enter_context(PluginHost(PROJECT, environment={**environment, "NO_PROXY": _no_proxy()}))
    show.plugin(console, host.declaration, time.monotonic() - started)
    return host, functions


def _no_proxy() -> str:
    return ",".join(part for part in (os.environ.get("NO_PROXY", ""), "127.0.0.1") if part)


def _is_closed(url: str) -> bool:
    """What a catalog alone may not open: loopback, and plain HTTP."""
    address = urlsplit(url)
    return address.scheme == "http" or address.hostname in ("127.0.0.1", "localhost", "::1")
