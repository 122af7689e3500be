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
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from rich.console import Console

from workbench import busy_run
from workbench import demo_output as show
from workbench.agent import Agent, NoAnswer
from workbench.chat_model import DEFAULT_MODEL, ChatModel
from workbench.evidence import evidence, missing_sources
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
