"""The settings of remote debug, judged: the ways in which people get method, address and key wrong."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.debug_finding import Finding, shown

DEBUG_PORT = 5003
WEB_PORTS = (80, 443)
_HIGHEST_PORT = 65_535
KEY_PLACE = "In Dify: Plugins, the bug icon (Debug plugin). Example: REMOTE_INSTALL_KEY=01234567-89ab-4cde-8f01-23456789abcd"
ADDRESS_PLACE = "In Dify: Plugins, the bug icon (Debug plugin). Example: REMOTE_INSTALL_URL=dify.example.com:5003"
_QUOTES = "\"'`‘’“”"
_LIKE_A_KEY = re.compile(r"[0-9a-fA-F-]{32,}")
_OTHER_METHODS = {"local": "it would wait on its stdin for ever", "serverless": "it would serve HTTP"}


def settings_findings(seen: Mapping[str, Any]) -> Iterator[Finding]:
    """What is to be said of the settings as the SDK reads them (`sdk_view`)."""
    for name, text in seen.get("settings_errors", {}).items():
        example = f"{name}={DEBUG_PORT}" if name.endswith("PORT") else "INSTALL_METHOD=remote"
        yield Finding("settings", "wrong", f"{name} cannot be read: {text}.", f"Example: {example}")
    if "method" in seen:
        yield _method(seen["method"])
        yield _address(seen)
        yield _key(seen)


def _method(method: str) -> Finding:
    if method == "remote":
        return Finding("INSTALL_METHOD", "ok", "remote")
    text = f"It is {method}: {_OTHER_METHODS[method]} instead of connecting."
    return Finding("INSTALL_METHOD", "wrong", text, "INSTALL_METHOD=remote in .env; .env.example shows every line.")


def _address(seen: Mapping[str, Any]) -> Finding:
    if "address_error" in seen:
        url = str(seen["address_error"])
        told = shown(url) if _LIKE_A_KEY.fullmatch(url) else repr(url[:60])
        return Finding("address", "wrong", f"REMOTE_INSTALL_URL is {told}, which is not host:port.", ADDRESS_PLACE)
    host, port = seen["address"]
    source = f"from {seen['named_by']}{_source(seen, 'REMOTE_INSTALL_URL', 'REMOTE_INSTALL_HOST', 'REMOTE_INSTALL_PORT')}"
    if not host or any(character.isspace() or character in _QUOTES for character in host):
        return Finding("address", "wrong", f"The host is {host!r} ({source}).", ADDRESS_PLACE)
    if not 0 < port <= _HIGHEST_PORT:
        return Finding("address", "wrong", f"There is no port {port} ({source}): the highest is {_HIGHEST_PORT}.", ADDRESS_PLACE)
    if port in WEB_PORTS:
        text = f"{host}:{port} ({source}): port {port} is for web pages; remote debug is plain TCP on a port of its own."
        return Finding("address", "wrong", text, f"REMOTE_INSTALL_URL={host}:{DEBUG_PORT}, without https:// and without a path.")
    return Finding("address", "ok", f"{host}:{port} ({source})")


def _key(seen: Mapping[str, Any]) -> Finding:
    key = seen.get("key") or ""
    if not key:
        return Finding("key", "wrong", "REMOTE_INSTALL_KEY is empty.", KEY_PLACE)
    if any(character.isspace() for character in key):
        return Finding(
            "key", "wrong", f"{shown(key)} has a blank or a line end in it.", f"The key alone, on one line. {KEY_PLACE}"
        )
    if any(character in _QUOTES for character in key):
        return Finding("key", "wrong", f"{shown(key)} has a quote in it.", f"Without quotes. {KEY_PLACE}")
    return Finding("key", "ok", f"{shown(key)}{_source(seen, 'REMOTE_INSTALL_KEY')}")


def _source(seen: Mapping[str, Any], *names: str) -> str:
    """That the environment decides, where it does: a forgotten export beats every edit of the file."""
    return ", set in the environment, not in the file" if set(names) & set(seen["from_environment"]) else ""
