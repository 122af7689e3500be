"""`cache warm`: hands a file of calls to the tool `cache_warm`, as `call` does."""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml
from rich.console import Console

type Command = Callable[[argparse.Namespace, Console], int]


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", call: Command, defaults: argparse.Namespace) -> None:
    """Adds the command.

    Args:
        commands: of the command line.
        call: the command `call`, which does the work.
        defaults: its options where none are given.
    """
    cache = commands.add_parser("cache", help="ask what stands in a file, so that the answers are kept")
    cache.add_argument("action", choices=("warm",))
    cache.add_argument("file", type=Path, help="JSON or YAML: a list of {tool, arguments}")
    cache.add_argument("--role", default="", metavar="NAME", help="whose callers are to be answered (default: one's own rights)")
    cache.add_argument("--identity-token", default="", metavar="JWT", help="says who asks, where the default role may not")
    cache.add_argument("--credentials", type=Path, metavar="FILE", help="the provider's settings, a JSON or YAML mapping")
    cache.set_defaults(**{**vars(defaults), "tool": "cache_warm", "surface": "workflow", "run": partial(_warm, call)})


def _warm(call: Command, options: argparse.Namespace, console: Console) -> int:
    text = options.file.read_text(encoding="utf-8")
    try:
        calls = yaml.load(text, Loader=yaml.CSafeLoader)  # JSON, too
        given = {"calls": json.dumps(calls), "role": options.role, "identity_token": options.identity_token}
    except (yaml.YAMLError, TypeError, ValueError):
        console.print(f"{options.file.name} is neither JSON nor YAML, or holds what JSON cannot say.", style="red", markup=False)
        return 2
    options.pairs = [f"{name}={value}" for name, value in given.items() if value]
    return call(options, console)
