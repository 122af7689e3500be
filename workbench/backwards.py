"""What a plugin asks of Dify while it works: the daemon's permission check, its words, and whoever answers.

Storage is answered here. Models, tools and apps are answered by handlers that the caller registers for a workspace; where none is
registered, the plugin gets the text that Dify's daemon sends when the thing is not there. Nothing is invented.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.declaration import Declaration
from workbench.storage import StorageRefused, WorkspaceStorage

Handler = Callable[[Mapping[str, Any]], Iterable[Mapping[str, Any]]]
"""Takes the plugin's request (with `tenant_id` and `user_id`, as the daemon adds them) and yields the response data."""


class Refused(Exception):
    """Dify (a handler) says no; the text reaches the plugin inside the daemon's words."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """How the daemon treats one kind of request (its `task.go`)."""

    permission: tuple[str, ...]
    """Keys of the manifest's `resource.permission` that must be on; none: always allowed."""
    word: str
    """What the refusal calls it."""
    message: str
    """`stream` or `struct`."""
    failure: str
    """The daemon's words before Dify's own."""
    missing: str = ""
    """Dify's own words when the thing is not there; `{}` is the provider or app that was asked for."""


_NO_PROVIDER = "Provider {} does not exist."
_KINDS: Mapping[str, _Kind] = {
    "storage": _Kind(("storage.enabled",), "storage", "struct", ""),
    "llm": _Kind(("model.enabled", "model.llm"), "llm", "stream", "read llm model failed", _NO_PROVIDER),
    "llm_structured_output": _Kind(
        ("model.enabled", "model.llm"), "llm", "stream", "read llm with structured output model failed", _NO_PROVIDER
    ),
    "system_summary": _Kind(("model.enabled", "model.llm"), "llm", "struct", "invoke summary failed", "Provider does not exist."),
    "text_embedding": _Kind(
        ("model.enabled", "model.text_embedding"), "text-embedding", "struct", "invoke text-embedding model failed", _NO_PROVIDER
    ),
    "rerank": _Kind(("model.enabled", "model.rerank"), "rerank", "struct", "invoke rerank model failed", _NO_PROVIDER),
    "tts": _Kind(("model.enabled", "model.tts"), "tts", "stream", "read tts model failed", _NO_PROVIDER),
    "speech2text": _Kind(
        ("model.enabled", "model.speech2text"), "speech2text", "struct", "invoke speech2text model failed", _NO_PROVIDER
    ),
    "moderation": _Kind(
        ("model.enabled", "model.moderation"), "moderation", "struct", "invoke moderation model failed", _NO_PROVIDER
    ),
    "tool": _Kind(("tool.enabled",), "tool", "stream", "read tool response failed", "plugin provider {} not found"),
    "app": _Kind(("app.enabled",), "app", "stream", "read app failed", "app not found"),
    "fetch_app": _Kind(("app.enabled",), "app", "struct", "fetch app failed", "app not found"),
    "upload_file": _Kind((), "storage", "struct", "upload file failed", "file storage is not available"),
}


@dataclass(frozen=True, slots=True)
class Response:
    """One line to the plugin."""

    event: str
    message: str
    data: Mapping[str, Any] | None


def answer(
    kind: str,
    request: Mapping[str, Any],
    declaration: Declaration,
    storage: WorkspaceStorage,
    handlers: Mapping[str, Handler],
) -> Iterator[Response]:
    """Everything the daemon sends for one request; the last one is always `end`."""
    known = _KINDS.get(kind)
    try:
        if known is None:
            raise Refused(f"unsupported invoke type: {kind}")
        _require_permission(known, declaration)
        for data in _answers(kind, known, request, storage, handlers):
            yield Response("response", known.message, data)
    except (Refused, StorageRefused) as refusal:
        yield Response("error", str(refusal), None)
    yield Response("end", "", None)


def _require_permission(kind: _Kind, declaration: Declaration) -> None:
    for path in kind.permission:
        section, key = path.split(".")
        if not (declaration.permission.get(section) or {}).get(key):
            raise Refused(f"permission denied, you need to enable {kind.word} access in plugin manifest")


def _answers(
    name: str, kind: _Kind, request: Mapping[str, Any], storage: WorkspaceStorage, handlers: Mapping[str, Handler]
) -> Iterable[Mapping[str, Any]]:
    handler = handlers.get(name)
    if handler is None and name == "storage":
        yield _stored(request, storage)
        return
    if handler is None:
        asked = request.get("provider") or request.get("app_id") or ""
        raise Refused(f"{kind.failure}: request failed: {kind.missing.format(asked)}")
    try:
        yield from handler(request)
    except Exception as error:  # Dify answers any error of its own with its text
        raise Refused(f"{kind.failure}: request failed: {error}") from error


def _stored(request: Mapping[str, Any], storage: WorkspaceStorage) -> Mapping[str, Any]:
    key = str(request.get("key", ""))
    match request.get("opt"):
        case "get":
            return {"data": storage.get(key).hex()}
        case "set":
            storage.set(key, _from_hex(str(request.get("value", ""))))
            return {"data": "ok"}
        case "del":
            return {"data": "ok", "deleted_num": storage.delete(key)}
        case "exist":
            found = storage.exist(key)
            return {"data": found > 0, "exist_num": found}
        case _:
            raise Refused("unmarshal backwards invoke request failed: Key: 'InvokeStorageRequest.Opt'")


def _from_hex(value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError as error:
        raise Refused(f"decode data failed: {error}") from error
