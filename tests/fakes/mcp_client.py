"""The official MCP client as a process of its own: it needs asyncio, and a process with the SDK's patches has none to give.

Reads one JSON document from stdin, `{url, key, mode, do: [[verb, …], …]}`, and writes one to stdout with what each step came to.
"""

import json
import sys

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


def plain(result) -> dict:
    return result.model_dump(mode="json", by_alias=True, exclude_none=True)


async def attempt(work, *arguments) -> dict:
    try:
        return plain(await work(*arguments))
    except MCPError as error:
        return {"error": plain(error.error)}


async def many(client, name: str, arguments: dict, varied: str, count: int) -> list:
    found = [None] * count

    async def one(number: int) -> None:
        found[number] = await attempt(client.call_tool, name, {**arguments, varied: number})

    async with anyio.create_task_group() as group:
        for number in range(count):
            group.start_soon(one, number)
    return found


async def step(client, verb: str, *arguments):
    if verb == "many":
        return await many(client, *arguments)
    return await attempt({"list": client.list_tools, "call": client.call_tool, "ping": client.send_ping}[verb], *arguments)


async def connected(task: dict, http) -> dict:
    async with Client(streamable_http_client(task["url"], http_client=http), mode=task["mode"]) as client:
        done = [await step(client, *each) for each in task["do"]]
        return {"version": client.protocol_version, "server": plain(client.server_info), "done": done}


async def run(task: dict) -> dict:
    headers = {"Authorization": f"Bearer {task['key']}", **task["headers"]}
    async with httpx2.AsyncClient(headers=headers, timeout=100) as http:
        try:
            return_value = await connected(task, http)
        except* MCPError as errors:
            return_value = {"refused": plain(first_of(errors).error)}
        return return_value


def first_of(error):
    """The one error inside the groups that anyio puts around it."""
    return first_of(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


if __name__ == "__main__":
    json.dump(anyio.run(run, json.load(sys.stdin)), sys.stdout)
