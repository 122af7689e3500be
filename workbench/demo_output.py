"""What the demo prints: each step with its time, its source and what the policies decided. Reads well in 100 columns."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from workbench.agent import Step
from workbench.busy_run import FUNCTION, BusyRun
from workbench.declaration import Declaration
from workbench.facts import Evidence
from workbench.functions_runtime import RunningFunction

_LABEL_WIDTH = 11
_SHOWN_LINES = 4
_SHOWN_FACTS = 8
_FACT_WIDTH = 38
_ARGUMENT_CHARS = 200


def title(console: Console) -> None:
    """What this is."""
    console.print(Rule("FaaS Toolkit demo", align="left"))
    console.print("A question about a customer, answered with what the plugin's tools find and what functions reply.")
    console.print("Nothing leaves this machine unless a model is configured.\n", style="dim")


def functions(console: Console, running: Sequence[RunningFunction], seconds: float) -> None:
    """The function runtime."""
    for function in running:
        _line(console, "function", f"{function.name} on functions-framework at {function.url}")
    _line(console, "", f"Google's runtime for functions, ready in {seconds:.1f} s", "dim")


def plugin(console: Console, declaration: Declaration, seconds: float) -> None:
    """The plugin process."""
    tools = ", ".join(tool.name for tool in declaration.tools)
    _line(console, "plugin", f"{declaration.provider_id} {declaration.version} over stdio, as Dify's daemon runs it")
    _line(console, "", f"{tools}; ready in {seconds:.1f} s", "dim")


def brain(console: Console, name: str) -> None:
    """What decides."""
    _line(console, "decides", name)


def question(console: Console, text: str) -> None:
    """The question."""
    console.print()
    _line(console, "question", text, "bold")


def step(console: Console, number: int, done: Step) -> None:
    """One tool call: what was asked, what the model reads, where it came from, what was decided on the way."""
    console.print()
    head = Table.grid(expand=True)
    head.add_column(ratio=1)
    head.add_column(justify="right")
    title = Text.assemble((f"{number} ", "bold cyan"), (done.call.tool, "bold"), "  ", _arguments(done.call.arguments))
    head.add_row(title, Text(f"{done.seconds * 1000:.0f} ms", "cyan"))
    console.print(head)
    read = Text(_shortened(done.observation, console.width - 2), "" if done.ok else "red")
    console.print(Padding(read, (0, 0, 0, 2), expand=False))
    meta = done.variables.get("meta") or {}
    for label, text in (
        ("source", str(done.variables.get("source") or "")),
        ("policies", " · ".join(meta.get("decisions") or ())),
        ("targets", _attempts(meta)),
        ("request", str(meta.get("request_id", ""))),
    ):
        if text:
            _line(console, f"  {label}", text, "dim")


def answer(console: Console, text: str, found: Sequence[Evidence]) -> None:
    """The answer, and the facts in it with their origin."""
    console.print()
    console.print(Rule("Answer", align="left"))
    console.print(text, markup=False)
    console.print()
    table = Table.grid(padding=(0, 2))
    for item in found[:_SHOWN_FACTS]:
        value = item.fact.value if isinstance(item.fact.value, str) else f"{item.fact.value:,}"
        origin = f"function {item.source}" if item.tool == "function_call" else f"{item.tool}, source {item.source}"
        table.add_row(
            "fact",
            Text(value if len(value) <= _FACT_WIDTH else value[: _FACT_WIDTH - 1] + "…", "green"),
            Text(origin, "dim"),
            Text(item.fact.path, "dim"),
        )
    console.print(table)
    if len(found) > _SHOWN_FACTS:
        console.print(f"and {len(found) - _SHOWN_FACTS} more from the store", style="dim")


def ended(console: Console, seconds: float) -> None:
    """How long it took."""
    console.print(f"\nAnswered in {seconds:.1f} s.", style="dim")


def busy(console: Console, run: BusyRun) -> None:
    """The second run: how the limiter lets calls through."""
    console.print()
    console.print(Rule("Busy run", align="left"))
    console.print(
        f"{len(run.calls)} workflows call {FUNCTION} at once; its limit is {run.limit}, and a call waits 5 s at most.\n"
    )
    for began, count in run.waves():
        _line(console, f"{began:>8.1f} s", f"{'█' * count} {count} answered")
    if run.refused:
        later = max(call.retry_after or 0.0 for call in run.refused)
        _line(console, "refused", f"{'░' * len(run.refused)} {len(run.refused)} told to come again within {later:.0f} s", "dim")
    console.print(f"\n{run.answered} answered, {len(run.refused)} refused, in {run.seconds:.1f} s.", style="dim")


def failed(console: Console, text: str) -> None:
    """Why there is no answer, or none that counts."""
    console.print(f"\n{text}", style="red", markup=False)


def _line(console: Console, label: str, text: str, style: str = "") -> None:
    table = Table.grid()
    table.add_column(width=_LABEL_WIDTH)
    table.add_column()
    table.add_row(Text(label, "dim"), Text(text, style))
    console.print(table)


def _arguments(arguments: Mapping[str, Any] | str) -> Text:
    if not isinstance(arguments, str):
        arguments = " ".join(f"{name}={_plain(value)}" for name, value in arguments.items())
    one_line = " ".join(arguments.split())
    return Text(one_line if len(one_line) <= _ARGUMENT_CHARS else one_line[:_ARGUMENT_CHARS] + "…", "dim")


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _attempts(meta: Mapping[str, Any]) -> str:
    return " · ".join(
        f"{attempt['target']} {attempt['outcome']} {attempt['duration_ms']:.0f} ms" for attempt in meta.get("attempts") or ()
    )


def _shortened(text: str, width: int) -> str:
    """The first lines; a long one is cut after two lines' width, so that a step stays a glance."""
    lines = text.splitlines()
    most = 2 * width - 2
    shown = [line if len(line) <= most else line[:most] + "…" for line in lines[:_SHOWN_LINES]]
    cut = len(lines) > len(shown) or any(len(line) > most for line in lines)
    return "\n".join(shown) + (f"\n… {len(text):,} characters in all" if cut else "")
