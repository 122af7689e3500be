"""The command line: tools, a call as a surface of Dify makes it, an app, checks of a catalog and of a debug setup, the demo."""

import argparse
import json
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from workbench import audit_command, catalog_file, erase_command, own_host, report, settings_file, warming
from workbench.declaration import Tool, read_declaration
from workbench.host import DEFAULT_WORKSPACE, TRANSPORTS
from workbench.openai_models import ModelServer
from workbench.own_host import CALL_TIMEOUT, PROJECT, open_host
from workbench.session import HostFailure
from workbench.settings_file import UsageError
from workbench.surfaces import SURFACES, ParameterRefused, prepare, refused_observation, sender_for
from workbench.wire import RequestRefused


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; 0: done, 1: the call or the check failed, 2: wrong usage."""
    options = _parsed(arguments)
    console = Console(width=min(100, shutil.get_terminal_size((100, 24)).columns), highlight=False)
    try:
        status: int = options.run(options, console)
    except (UsageError, LookupError, OSError, UnicodeDecodeError) as error:
        console.print(str(error), style="red", markup=False)
        return 2
    except (HostFailure, RequestRefused) as error:
        console.print(str(error), style="red", markup=False)
        return 1
    return status


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; key=value may also stand after them, which argparse does not take by itself."""
    parser = _parser()
    options, late = parser.parse_known_args(arguments)
    if late and ("pairs" not in options or any(each.startswith("-") for each in late)):
        parser.error(f"unrecognized arguments: {' '.join(late)}")
    if late:
        options.pairs = [*options.pairs, *late]
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="workbench", description="Runs the plugin as Dify does, without Dify.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    tools = commands.add_parser("tools", help="list the plugin's tools and their parameters")
    tools.add_argument("--plugin", type=Path, default=PROJECT, metavar="DIR", help="the plugin's folder (default: this one)")
    tools.add_argument("--through", choices=TRANSPORTS, help="start the plugin in this way first (default: only read its files)")
    tools.set_defaults(run=_tools)

    call = commands.add_parser("call", help="call a tool and show what that surface of Dify sees")
    call.add_argument("tool")
    call.add_argument("pairs", nargs="*", metavar="key=value")
    call.add_argument("--as", dest="surface", choices=SURFACES, default="agent-chat", help="default: agent-chat")
    call.add_argument("--workspace", default=DEFAULT_WORKSPACE, metavar="NAME", help="each has its own storage")
    call.add_argument("--credentials", type=Path, metavar="FILE", help="the provider's settings, a JSON or YAML mapping")
    call.add_argument("--plugin", type=Path, default=PROJECT, metavar="DIR", help="the plugin's folder (default: this one)")
    call.add_argument("--through", choices=TRANSPORTS, default="stdio", help="how the plugin is started (default: stdio)")
    call.add_argument("--temporary", action="store_true", help="keep nothing after the call (default: .faas_toolkit/)")
    call.set_defaults(run=_call)
    warming.add_to(commands, _call, call.parse_args(["cache_warm"]))

    _add_run_app(
        commands.add_parser("run-app", help="run a workflow app's DSL file in Dify's engine and show what each node gave")
    )

    _add_catalog(commands.add_parser("catalog", help="check a catalog, or print its one-line form"))

    _add_endpoint(commands)

    debug_check = commands.add_parser("debug-check", help="say what is wrong with a remote debug setup before it is started")
    debug_check.add_argument("--env", type=Path, metavar="FILE", help="the settings (default: .env in the plugin's folder)")
    debug_check.add_argument(
        "--plugin", type=Path, default=PROJECT, metavar="DIR", help="the plugin's folder (default: this one)"
    )
    debug_check.set_defaults(run=_debug_check)

    audit_command.add(commands)
    erase_command.add(commands)

    _add_package(commands.add_parser("package", help="write the .difypkg, check it, and start what is in it"))

    _add_demo(commands.add_parser("demo", help="answer a question about a customer with real functions on this machine"))
    return parser


def _add_demo(demo: argparse.ArgumentParser) -> None:
    demo.add_argument("--company", metavar="NAME", help="a company of the sample data")
    demo.set_defaults(run=_demo)


def _add_catalog(catalog: argparse.ArgumentParser) -> None:
    catalog.add_argument("action", choices=("check", "encode"))
    catalog.add_argument("file", type=Path)
    catalog.set_defaults(run=_catalog)


def _add_run_app(app: argparse.ArgumentParser) -> None:
    app.add_argument("file", type=Path)
    app.add_argument("pairs", nargs="*", metavar="key=value", help="the inputs of its start node")
    app.add_argument("--workspace", default=DEFAULT_WORKSPACE, metavar="NAME", help="each has its own storage")
    app.add_argument("--credentials", type=Path, metavar="FILE", help="the provider's settings, a JSON or YAML mapping")
    app.add_argument("--plugin", type=Path, default=PROJECT, metavar="DIR", help="the plugin's folder (default: this one)")
    app.add_argument("--through", choices=TRANSPORTS, default="stdio", help="how the plugin is started (default: stdio)")
    app.add_argument("--temporary", action="store_true", help="keep nothing after the run (default: .faas_toolkit/)")
    app.set_defaults(run=_run_app)


def _add_package(package: argparse.ArgumentParser) -> None:
    package.add_argument("--output", type=Path, default=PROJECT / "dist", metavar="DIR", help="where it goes (default: dist/)")
    package.add_argument("--catalog", type=Path, metavar="FILE", help="make a private package: a typed tool for each function")
    package.add_argument("--name", default="", help="the private plugin's name, for example acme_functions")
    package.add_argument("--author", default="", help="its author (default: as the public one)")
    package.add_argument("--version", default="", help="its version (default: as the public one)")
    package.set_defaults(run=_package)


def _add_endpoint(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    endpoint = commands.add_parser("endpoint", help="serve the plugin's endpoints (/mcp) over HTTP on this machine")
    endpoint.add_argument("action", choices=("serve",))
    endpoint.add_argument("--port", type=int, default=8765, help="on 127.0.0.1; 0: any free one (default: 8765)")
    endpoint.add_argument("--settings", type=Path, metavar="FILE", help="the endpoint's settings, a JSON or YAML mapping")
    endpoint.add_argument("--workspace", default=DEFAULT_WORKSPACE, metavar="NAME", help="each has its own storage")
    endpoint.add_argument("--plugin", type=Path, default=PROJECT, metavar="DIR", help="the plugin's folder (default: this one)")
    endpoint.add_argument("--temporary", action="store_true", help="keep nothing after the end (default: .faas_toolkit/)")
    endpoint.add_argument("--transport", choices=TRANSPORTS, default="stdio", help="how the plugin is started (default: stdio)")
    endpoint.set_defaults(run=_endpoint)


def _tools(options: argparse.Namespace, console: Console) -> int:
    if not options.through:
        report.tools(console, read_declaration(options.plugin))
        return 0
    with _data_folder(temporary=True) as folder, open_host(folder, root=options.plugin, transport=options.through) as host:
        report.tools(console, host.process.declaration or host.declaration)
        report.started(console, options.through, host.start_seconds)
    return 0


def _call(options: argparse.Namespace, console: Console) -> int:
    tool = read_declaration(options.plugin).tool(options.tool)
    arguments, settings = _split(tool, options.pairs)
    credentials = settings_file.read(options.credentials) if options.credentials else {}
    try:
        parameters = prepare(options.surface, tool, arguments, settings)
    except ParameterRefused as refusal:
        report.refused(console, options.surface, refused_observation(options.surface, str(refusal)).text)
        return 1
    workspace = _workspace(options.workspace)
    with (
        _data_folder(temporary=options.temporary) as folder,
        open_host(folder, root=options.plugin, transport=options.through) as host,
    ):
        if server := ModelServer.from_environment():
            host.workspace(workspace).handlers.update(server.handlers())
        reply = host.invoke_tool(
            tool.name,
            parameters,
            workspace=workspace,
            sender=sender_for(options.surface),
            credentials=credentials,
            timeout=CALL_TIMEOUT,
        )
        status = report.called(console, options.surface, reply, host.declaration.provider_id)
        if status:
            report.stderr(console, host.process.stderr)
        return status


def _run_app(options: argparse.Namespace, console: Console) -> int:
    from workbench.workflow import AppNotRunnable, AppRunner, read_app

    inputs = dict(_pairs(options.pairs))
    credentials = settings_file.read(options.credentials) if options.credentials else {}
    workspace = _workspace(options.workspace)
    try:
        app = read_app(options.file)
        with (
            _data_folder(temporary=options.temporary) as folder,
            open_host(folder, root=options.plugin, transport=options.through) as host,
        ):
            if server := ModelServer.from_environment():
                host.workspace(workspace).handlers.update(server.handlers())
            return report.app(console, AppRunner(host=host, credentials=credentials, workspace=workspace).run(app, inputs))
    except AppNotRunnable as error:
        raise UsageError(str(error)) from error


def _catalog(options: argparse.Namespace, console: Console) -> int:
    text = options.file.read_text(encoding="utf-8")
    if options.action == "encode":
        print(catalog_file.encoded(text))  # not through the console, which would wrap the line
        return 0
    return report.catalog(console, options.file.name, catalog_file.findings(text), catalog_file.secrets_of(text))


def _endpoint(options: argparse.Namespace, console: Console) -> int:
    from workbench.endpoint_front import Hook, serving

    given, key = settings_file.read(options.settings) if options.settings else {}, secrets.token_hex(24)
    made = json.dumps({"workbench": {"key": key, "role": "member"}})
    hook = Hook(id=_workspace(options.workspace), workspace=options.workspace, settings={"clients": made, **given})
    with (
        _data_folder(temporary=options.temporary) as folder,
        open_host(folder, root=options.plugin, transport=options.transport) as host,
    ):
        try:
            with serving(host, hook, port=options.port) as address:
                print(f"{address}/e/{hook.id}/mcp", flush=True)  # not through the console, which would wrap the line
                if "clients" not in given:
                    print(f"Authorization: Bearer {key}", flush=True)
                threading.Event().wait()
        except KeyboardInterrupt:
            return 0
        except OSError as error:
            raise UsageError(f"Port {options.port} of 127.0.0.1 cannot be used: {error.strerror}.") from error
    return 0


def _debug_check(options: argparse.Namespace, console: Console) -> int:
    from workbench.debug_check import findings

    return report.debug_check(console, findings(options.plugin, options.env))


def _package(options: argparse.Namespace, console: Console) -> int:
    from workbench.package.command import run

    return run(options, console)


def _demo(options: argparse.Namespace, console: Console) -> int:
    from workbench.demo import run

    return run(console, company=options.company)


@contextmanager
def _data_folder(*, temporary: bool) -> Iterator[Path]:
    if not temporary:
        yield own_host.KEPT
        return
    with tempfile.TemporaryDirectory(prefix="workbench-") as folder:
        yield Path(folder)


def _split(tool: Tool, given: Sequence[str]) -> tuple[dict[str, str], dict[str, str]]:
    """What stands for the model's arguments, and what for the builder's settings (parameters of `form: form`)."""
    arguments: dict[str, str] = {}
    settings: dict[str, str] = {}
    for name, value in _pairs(given):
        parameter = tool.parameter(name)
        (settings if parameter and parameter.form == "form" else arguments)[name] = value
    return arguments, settings


def _pairs(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    for pair in given:
        name, separator, value = pair.partition("=")
        if not separator:
            raise UsageError(f"{pair!r} is not of the form key=value, for example query=Aurora.")
        yield name, value


def _workspace(name: str) -> str:
    """A name that can be a folder."""
    if not name.replace("-", "").replace("_", "").isalnum():
        raise UsageError(f"A workspace's name has letters, digits, - and _ only, got {name!r}.")
    return name
