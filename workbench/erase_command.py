"""`workbench erase`: shows what the plugin keeps of a person and, with `--confirm`, erases it, through the tool `erase_person`.

Where the plugin runs inside Dify, the same tool does it there: in a workflow, or at `/mcp` (docs/erasure.md).
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from workbench import own_host, settings_file
from workbench.host import DEFAULT_WORKSPACE, PluginHost
from workbench.surfaces import observation, sender_for

if TYPE_CHECKING:
    from workbench.session import Reply

_ERASER = {
    "catalog": json.dumps({"version": 1, "roles": {"eraser": {"allow": ["admin.write"]}}}),
    "default_role": "eraser",
}
"""Settings that give the one grant and leave everything else as shipped."""


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    erase = commands.add_parser("erase", help="show what is kept of a person, and erase it")
    erase.add_argument("--person", required=True, metavar="WHO", help="an id, e-mail address, phone number or subject")
    erase.add_argument("--confirm", action="store_true", help="erase for good (default: only show)")
    erase.add_argument(
        "--documents", choices=("report", "delete"), default="report", help="those that merely name the person (default: report)"
    )
    erase.add_argument("--workspace", default=DEFAULT_WORKSPACE, metavar="NAME", help="one of the workbench's own")
    erase.add_argument(
        "--credentials",
        type=Path,
        metavar="FILE",
        help="the provider's settings: its encryption_key, and if it has a catalog, a default_role with admin.write",
    )
    erase.set_defaults(run=run)


def run(options: argparse.Namespace, console: Console) -> int:
    """Runs the command; 1 where the person was not erased although that was asked, or could not be looked for."""
    given = settings_file.read(options.credentials) if options.credentials else {}
    credentials = given if "catalog" in given else {**given, **_ERASER}
    asked = {"person": options.person, "documents": options.documents}
    with own_host.open_host(own_host.KEPT) as host:
        reply = _ask(host, options.workspace, credentials, asked)
        token = reply.variables.get("confirm")
        if options.confirm and token:
            reply = _ask(host, options.workspace, credentials, {**asked, "confirm": token})
    console.print(observation("agent-chat", reply).text, markup=False)
    if not reply.variables.get("ok"):
        return 1
    if not reply.variables["erased"]:
        console.print("\nNothing was changed. Erase with --confirm.", style="yellow")
    return 0


def _ask(host: PluginHost, workspace: str, credentials: Mapping[str, Any], parameters: Mapping[str, Any]) -> "Reply":
    return host.invoke_tool(
        "erase_person",
        parameters,
        workspace=workspace,
        sender=sender_for("agent-chat"),
        credentials=credentials,
        timeout=own_host.CALL_TIMEOUT,
    )
