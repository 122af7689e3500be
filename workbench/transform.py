"""What Dify makes of a tool's messages (dify-behaviour 3.3, measured on 1.14.2)."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from workbench.session import Reply

RESERVED_VARIABLES = frozenset({"text", "json", "files"})
MAX_FILE_BYTES = 52_428_800


@dataclass(frozen=True, slots=True)
class File:
    """A file that a tool sent."""

    filename: str
    mime_type: str
    content: bytes = field(repr=False)


def outputs(reply: Reply) -> dict[str, Any]:
    """The outputs of a workflow's tool node; raises `ValueError` where Dify cannot make them."""
    messages, files = without_blobs(reply)
    text, documents = "", []
    for message in messages:
        kind, body = message["type"], message.get("message") or {}
        if kind == "text":
            text += body["text"]
        elif kind == "link":
            text += f"Link: {body['text']}\n"
        elif kind == "json" and body["json_object"]:
            documents.append(body["json_object"])
    sent = [{"filename": file.filename, "mime_type": file.mime_type, "size": len(file.content)} for file in files]
    return {"text": text, "json": documents or [{"data": []}], "files": sent, **_require_variables(reply.variables)}


def _require_variables(variables: Mapping[str, Any]) -> Mapping[str, Any]:
    for name in variables:
        if name in RESERVED_VARIABLES:
            raise ValueError(f"The variable name '{name}' is reserved.")
    return variables


def chat_text(messages: Iterable[Mapping[str, Any]]) -> str:
    """What an agent-chat app puts before its model: variables left out, a JSON that repeats a text too."""
    parts: list[str] = []
    documents: list[str] = []
    for message in messages:
        if message["type"] == "json":
            documents.append(json.dumps(message["message"]["json_object"], ensure_ascii=False))
        elif message["type"] != "variable":
            parts.append(_spoken(message))
    return "".join([*parts, *(document for document in documents if document not in parts)])


def node_agent_text(message: Mapping[str, Any]) -> str:
    """What the Agent node's strategy puts before its model for one message."""
    if message["type"] == "json":
        return f"tool response: {json.dumps(message['message']['json_object'], ensure_ascii=False)}."
    if message["type"] == "variable":
        return ""
    return _spoken(message)


def _spoken(message: Mapping[str, Any]) -> str:
    body = message.get("message") or {}
    match message["type"]:
        case "text":
            return str(body["text"])
        case "link":
            return f"result link: {body['text']}. please tell user to check it."
        case "image" | "image_link":
            return (
                "image has been created and sent to user already, "
                "you do not need to create it, just tell the user to check it now."
            )
        case _:  # a log: its repr, data included, lands in front of the model
            return " ".join(f"{name}={value!r}" for name, value in body.items())


def without_blobs(reply: Reply) -> tuple[list[Mapping[str, Any]], list[File]]:
    """The messages with each file put together from its chunks and replaced by what Dify makes of it."""
    messages: list[Mapping[str, Any]] = []
    files: list[File] = []
    chunks: dict[str, bytearray] = {}
    for message in reply.messages:
        if message["type"] not in ("blob", "blob_chunk"):
            messages.append(message)
            continue
        content = _content(message, chunks)
        if content is not None:
            files.append(_file(content, message.get("meta") or {}))
            messages.append(_file_message(files[-1]))
    return messages, files


def _content(message: Mapping[str, Any], chunks: dict[str, bytearray]) -> bytes | None:
    body = message["message"]
    blob = base64.b64decode(body["blob"])
    if message["type"] == "blob":
        return blob
    gathered = chunks.setdefault(body["id"], bytearray())
    gathered += blob
    if len(gathered) > MAX_FILE_BYTES:
        raise ValueError("File is too large which reached the limit of 50.0MB")
    return bytes(chunks.pop(body["id"])) if body["end"] else None


def _file(content: bytes, meta: Mapping[str, Any]) -> File:
    mime_type = str(meta.get("mime_type") or "application/octet-stream")
    return File(str(meta.get("filename") or meta.get("file_name") or "file"), mime_type, content)


def _file_message(file: File) -> Mapping[str, Any]:
    if file.mime_type.startswith("image/"):
        return {"type": "image_link", "message": {"text": f"/files/tools/{file.filename}"}}
    return {"type": "binary_link", "message": {"text": f"/files/tools/{file.filename}"}}
