"""The entry point: Dify's daemon runs `python -m main` in the plugin's folder and speaks to it over stdin and stdout."""

# isort: off
from dify_plugin import DifyPluginEnv, Plugin  # first of all imports: it applies gevent's patches

import functools
import os
import sys

import yaml
from dify_plugin.core.server.stdio import request_reader

from faas_toolkit.dify.stdin import StandardInput
# isort: on

if yaml.__with_libyaml__:
    # `yaml.safe_load`, which the SDK reads our YAML with, looks this name up when called; the C parser takes a fifth of the time.
    yaml.SafeLoader = yaml.CSafeLoader  # type: ignore[assignment,misc]

# The SDK makes a validator anew for every line it reads, which takes longer than reading the line (55 µs); one is enough.
request_reader.TypeAdapter = functools.cache(request_reader.TypeAdapter)  # type: ignore[misc]

# Native threads (SQLite, parsing) hand the interpreter back five times sooner than by default, so the hub answers in time.
sys.setswitchinterval(0.001)

# Our deadlines end every call before this; the SDK's own 250 s would end a backwards call in silence.
plugin = Plugin(DifyPluginEnv(MAX_INVOCATION_TIMEOUT=900))

# Remote debug only: after three failed attempts to reach a daemon that went away, the SDK spins on one core and never comes back.
plugin.request_reader.reconnect_attempts = sys.maxsize  # type: ignore[attr-defined] # only the TCP reader has it

if isinstance(plugin.request_reader, request_reader.StdioRequestReader) and os.name == "posix":
    # A native thread of the hub would be woken for every piece of input; one less is waited for (faas_toolkit/dify/stdin.py).
    plugin.request_reader._read_async = StandardInput(sys.stdin.fileno()).read  # type: ignore[method-assign] # noqa: SLF001

if __name__ == "__main__":
    plugin.run()
