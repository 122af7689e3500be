"""The demo: a question about a customer of the sample, answered by an agent with real functions on a real FaaS runtime.

Everything in it is what runs in production, but for the places that Dify fills: the host (this package plays the daemon) and,
where no model is configured, the deciding part (a small planner that says that it is one).
"""

import json
import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from workbench import demo_output as show
from workbench.agent import Agent, Brain, NoAnswer, Step
from workbench.chat_model import ChatModel
from workbench.facts import Fact, facts_in, facts_of_text
from workbench.functions_runtime import Function, FunctionNotStarted, RunningFunction, serving
from workbench.host import PluginHost
from workbench.openai_models import ModelServer, ModelServerError
from workbench.planner import Planner, question_about
from workbench.session import HostFailure

PROJECT = Path(__file__).parents[1]
SAMPLES = PROJECT / "functions" / "samples"
FUNCTIONS = (Function(SAMPLES / "churn_score"), Function(SAMPLES / "exchange_rates"))
COMPANY = "Vila Nova Saúde Ltda"
PROVEN = {"churn_score": "score", "exchange_rates": "total"}
"""The value of each function's reply that an answer must hold."""


_WORDS_OF_THE_STORE = frozenset({"entity", "source", "match", "stage"})
"""Fields whose values are ordinary words."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a fact of the answer came from."""

    fact: Fact
    tool: str
    source: str


def run(console: Console, company: str | None = None) -> int:
    """Shows the demo; 0 only when the answer holds facts from the store and from every function's reply."""
    question = question_about(company or COMPANY)
    try:
        with ExitStack() as stack:
            host, functions = _started(console, stack)
            brain = _brain(host)
            show.brain(console, brain.name)
            show.question(console, question)
            started = time.monotonic()
            agent = Agent(host, brain, {"catalog": catalog(functions)}, lambda number, step: show.step(console, number, step))
            answer, steps = agent.answer(question)
            seconds = time.monotonic() - started
    except (FunctionNotStarted, HostFailure, ModelServerError, NoAnswer) as error:
        show.failed(console, str(error))
        return 1
    found = evidence(question, answer, steps)
    show.answer(console, answer, found)
    show.ended(console, seconds)
    missing = missing_sources(found)
    if missing:
        show.failed(console, f"The answer holds no fact from {' and none from '.join(missing)}.")
    return 1 if missing else 0


def catalog(functions: Sequence[RunningFunction]) -> str:
    """The catalog of the samples, with the addresses where the functions run."""
    document = yaml.load((SAMPLES / "catalog.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for function in functions:
        document["functions"][function.name]["target"]["url"] = function.url
    return json.dumps(document)


def evidence(question: str, answer: str, steps: Sequence[Step]) -> list[Evidence]:
    """The facts of the answer with their origin, each once: what the functions replied, then records of the store."""
    found: dict[str | float, Evidence] = {}
    for step in sorted(steps, key=lambda step: step.call.tool == "crm_lookup"):
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
    data = step.variables.get("data") or _json_in(step.observation)
    proven = PROVEN.get(source, "")
    return facts_in(answer, {proven: data.get(proven)}, known=question) if isinstance(data, dict) else []


def _json_in(text: str) -> object:
    """The document in the text of a function's answer: agents get no variable of it."""
    try:
        return json.loads(text[text.index("{") : text.rindex("}") + 1])
    except ValueError:
        return None


def missing_sources(found: Sequence[Evidence]) -> list[str]:
    """What the answer should rest on and does not."""
    held = {item.source if item.tool == "function_call" else "the store" for item in found}
    return [name for name in ("the store", *PROVEN) if name not in held]


def _started(console: Console, stack: ExitStack) -> tuple[PluginHost, list[RunningFunction]]:
    show.title(console)
    started = time.monotonic()
    functions = stack.enter_context(serving(FUNCTIONS))
    show.functions(console, functions, time.monotonic() - started)
    data = stack.enter_context(tempfile.TemporaryDirectory(prefix="workbench-demo-", ignore_cleanup_errors=True))
    # Loopback is closed to catalogs, which tenants write; the operator opens it, and here that is the demo.
    allowed = ",".join(function.url.rstrip("/") for function in functions)
    environment = {"FAAS_TOOLKIT_DATA_DIR": data, "FAAS_TOOLKIT_NETWORK_ALLOW": allowed}
    started = time.monotonic()
    host = stack.enter_context(PluginHost(PROJECT, environment={**environment, "NO_PROXY": _no_proxy()}))
    show.plugin(console, host.declaration, time.monotonic() - started)
    return host, functions


def _no_proxy() -> str:
    return ",".join(part for part in (os.environ.get("NO_PROXY", ""), "127.0.0.1") if part)


def _brain(host: PluginHost) -> Brain:
    server = ModelServer.from_environment()
    return ChatModel(server, host.declaration.tools) if server else Planner()
