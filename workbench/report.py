"""What the command line prints, for a terminal of up to 100 columns."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from workbench.debug_finding import Finding
from workbench.declaration import Declaration, Parameter
from workbench.session import Reply
from workbench.surfaces import SurfaceName, observation, workflow_node

if TYPE_CHECKING:
    from faas_toolkit.catalog.findings import CatalogFinding
    from workbench.workflow import AppRun


_SHOWN_STDERR_LINES = 12


def tools(console: Console, declaration: Declaration) -> None:
    """Every tool with its parameters."""
    console.print(f"[bold]{declaration.provider_id}[/] {declaration.version}")
    if declaration.credentials:
        console.print(f"settings: {', '.join(declaration.credentials)}", style="dim")
    for tool in declaration.tools:
        console.print(f"\n[bold]{tool.name}[/]  {escape(tool.description)}")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 2), show_header=False)
        for parameter in tool.parameters:
            table.add_row(parameter.name, _kind(parameter), escape(parameter.llm_description or parameter.label))
        console.print(table)
        console.print(f"  variables: {', '.join(tool.variables)}", style="dim")


def started(console: Console, transport: str, seconds: float) -> None:
    """That the plugin serves, and how it was started."""
    console.print(f"\nstarted through {transport} in {seconds:.1f} s", style="dim")


def called(console: Console, surface: SurfaceName, reply: Reply, provider_id: str) -> int:
    """What the surface sees, then what it does not: the variables; 1 where the call failed."""
    failed = reply.error is not None or reply.variables.get("ok") is False
    if surface == "workflow":
        node = workflow_node(reply, provider_id)
        console.print(f"[bold]Workflow node[/] {'[red]failed[/]' if node.failed else '[green]succeeded[/]'}")
        if node.failed:
            console.print(node.error, markup=False)
        else:
            _json(console, node.outputs)
    else:
        read = observation(surface, reply)
        console.print(f"[bold]What the model reads[/] ({surface})")
        console.print(read.text, markup=False)
        for file in read.files:
            console.print(f"file: {file.filename} ({file.mime_type}, {len(file.content):,} bytes)", markup=False)
        console.print("\n[bold]Variables[/] (not shown to the model)")
        _json(console, reply.variables)
    first = "" if reply.first_seconds is None else f", first message after {reply.first_seconds * 1000:.0f} ms"
    console.print(f"{reply.seconds * 1000:.0f} ms{first}", style="dim")
    return int(failed)


def stderr(console: Console, text: str) -> None:
    """The end of what the plugin wrote to its log, where a developer finds the cause of a failure."""
    lines = text.strip().splitlines()[-_SHOWN_STDERR_LINES:]
    if lines:
        console.print("\n[bold]The plugin's stderr[/] (nobody in Dify sees it but the daemon's log)")
        console.print("\n".join(lines), markup=False, style="dim")


def refused(console: Console, surface: SurfaceName, text: str) -> None:
    """Dify did not call the plugin."""
    console.print(f"[red]Dify does not make this call[/] ({surface})")
    console.print(text, markup=False)


def app(console: Console, run: "AppRun") -> int:
    """What each node of a workflow gave, then what the app gives; 1 where the run failed."""
    for node in run.nodes:
        style = "green" if node.status == "succeeded" else "yellow" if node.status == "exception" else "red"
        console.print(f"[bold]{escape(node.title)}[/] ({node.type} {escape(node.id)}) [{style}]{node.status}[/]")
        _json(console, node.outputs)
    console.print(f"\n[bold]The app[/] {'[red]failed[/]' if run.error else 'answers'}")
    console.print(run.error, markup=False) if run.error else _json(console, run.outputs)
    return int(bool(run.error))


def debug_check(console: Console, findings: Iterable[Finding]) -> int:
    """Each thing that was looked at, as it becomes known; 1 where one is wrong."""
    styles = {"ok": "green", "wrong": "bold red", "skipped": "dim"}
    wrong = 0
    for finding in findings:
        wrong += finding.status == "wrong"
        table = Table.grid(padding=(0, 2))
        table.add_column(width=7)
        table.add_column(width=14)
        table.add_row(f"[{styles[finding.status]}]{finding.status}[/]", finding.check, escape(finding.text))
        if finding.status == "wrong":
            table.add_row("", "right:", escape(finding.right))
        console.print(table)
    if wrong:
        console.print(f"{wrong} to repair", style="bold red")
    else:
        console.print("Ready: run `.venv/bin/python -m main` and look under Plugins in Dify", style="bold green")
    return int(wrong > 0)


def catalog(console: Console, name: str, findings: Sequence["CatalogFinding"], secrets: Sequence[str]) -> int:
    """Everything that is wrong with a catalog, each with its place; 1 where it cannot be used."""
    for finding in findings:
        style = "red" if finding.severity == "error" else "yellow"
        place = f"{name}:{finding.line}:{finding.column}" if finding.line else name
        console.print(f"[{style}]{finding.severity}[/] {escape(place)} [bold]{escape(finding.path or 'the document')}[/]")
        console.print(f"  {finding.message} {finding.hint}".rstrip(), markup=False)
    broken = any(finding.severity == "error" for finding in findings)
    console.print(f"{name}: {'cannot be used' if broken else 'can be used'}", style="bold red" if broken else "bold green")
    if secrets:
        console.print(f"It needs these names in the setting `secrets`: {', '.join(secrets)}", markup=False)
    return int(broken)


def _kind(parameter: Parameter) -> str:
    words = [parameter.type, "required" if parameter.required else "", "" if parameter.form == "llm" else "set by the builder"]
    return ", ".join(word for word in words if word)


def _json(console: Console, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=2)
    console.print(Syntax(text, "json", word_wrap=True, background_color="default", theme="ansi_dark"))
