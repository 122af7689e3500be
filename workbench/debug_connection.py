"""The way to the debug server, judged: name, port, who answers there, and what it says to the key."""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

from workbench.debug_finding import Finding, shown
from workbench.debug_probe import Answer, Heard, ask
from workbench.debug_settings import ADDRESS_PLACE, DEBUG_PORT, KEY_PLACE, WEB_PORTS

_LOCAL = ("localhost", "127.0.0.1", "::1")
_IN_A_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
_ANOTHER_PORT: Mapping[Answer, str] = {
    "http": "An HTTP server answers at that port: Dify's pages or its API.",
    "tls": "That port speaks TLS (https); remote debug does not.",
    "closed": "The other side hangs up without a word: no debug server of Dify, or a proxy in front of one.",
    "silent": "Something takes the connection and says nothing: no debug server of Dify.",
}


def connection_findings(host: str, port: int, key: str, patience: float) -> Iterator[Finding]:
    """Goes the way until it ends; `patience` is the seconds for each connection and each answer."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        yield Finding("host", "wrong", f"The name {host!r} is not known on this machine.", ADDRESS_PLACE)
        return
    yield Finding("host", "ok", f"{host} is {', '.join(sorted(found))}")
    try:
        heard = ask(host, port, key, patience)
    except TimeoutError:
        text = f"{host}:{port} does not answer within {patience:g} s."
        yield Finding("port", "wrong", text, f"A firewall that lets TCP port {port} through, from here to Dify.")
    except OSError as error:
        yield Finding("port", "wrong", f"{host}:{port} takes no connection ({error.strerror or error}).", _opened(host, port))
    else:
        yield Finding("port", "ok", f"{host}:{port} takes connections")
        yield _judged(heard, host, key)


def _opened(host: str, port: int) -> str:
    """What opens the port."""
    port = DEBUG_PORT if port in WEB_PORTS else port
    if host in _LOCAL and any(path.exists() for path in _IN_A_CONTAINER):
        return f"This is a container, and {host} is itself. Example: REMOTE_INSTALL_URL=host.docker.internal:{port}"
    advice = "The plugin daemon runs with PLUGIN_REMOTE_INSTALLING_ENABLED=true and its port is published"
    if host in _LOCAL:
        return f"{advice}. Dify's page shows localhost by default: if Dify is on another machine, write that machine's name."
    return f"{advice} (Dify's docker/.env: EXPOSE_PLUGIN_DEBUGGING_PORT={port})."


def _judged(heard: Heard, host: str, key: str) -> Finding:
    if heard.answer == "accepted":
        return Finding("key accepted", "ok", "Dify's debug server takes it")
    if heard.answer == "refused":
        text = (
            f'Dify\'s debug server refuses {shown(key)}: "{heard.text}". The SDK shows that as "An error occurred while parsing '
            'the data" with a JSON error, and tries again for ever.'
        )
        return Finding("key accepted", "wrong", text, f"A new key: it ends two hours after Dify showed it last. {KEY_PLACE}")
    if heard.answer == "trouble":
        text = f'Dify\'s debug server has trouble of its own: "{heard.text}".'
        return Finding("key accepted", "wrong", text, "The plugin daemon's log says more; its Redis must answer.")
    text = _ANOTHER_PORT.get(heard.answer, f'Something else answers there: "{heard.text[:80]}".')
    right = f"The debug port of the plugin daemon, plain TCP. Example: REMOTE_INSTALL_URL={host}:{DEBUG_PORT}"
    return Finding("key accepted", "wrong", text, right)
