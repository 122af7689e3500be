"""The unpacked package starts on the real SDK as Dify's daemon starts it, and as the marketplace's install check does."""

import json
import os
import select
import socket
import sys
import time
import urllib.error
import urllib.request

TOOLS = [
    "crm_lookup",
    "diagnose",
    "function_call",
    "knowledge_add",
    "knowledge_remove",
    "knowledge_search",
    "list_capabilities",
]


def environment(home, **settings):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FAAS_TOOLKIT_", "INSTALL_METHOD"))
    }
    return {**kept, "HOME": str(home), "PYTHONUNBUFFERED": "1", **settings}


def lines_of(pipe, seconds):
    """Lines as they come, until the time is up."""
    end, buffer = time.monotonic() + seconds, b""
    while (left := end - time.monotonic()) > 0:
        if select.select([pipe], [], [], left)[0]:
            chunk = os.read(pipe.fileno(), 65_536)
            if not chunk:
                return
            buffer += chunk
            *whole, buffer = buffer.split(b"\n")
            yield from (line for line in whole if line.strip())


def test_it_registers_every_tool_and_beats_over_stdio(unpacked, process, tmp_path):
    child = process([sys.executable, "-m", "main"], cwd=unpacked, env=environment(tmp_path, INSTALL_METHOD="local"))
    messages = []
    for line in lines_of(child.stdout, 20):
        messages.append(json.loads(line))  # stdout is the wire: anything that is not JSON is a defect
        if messages[-1].get("event") == "heartbeat":
            break
    else:
        child.kill()
        raise AssertionError(f"no heartbeat: {child.communicate()[1].decode()[-2000:]}")
    assert messages[0]["name"] == "faas_toolkit"
    assert {m.get("event") for m in messages[1:]} <= {"log", "heartbeat"}


def test_the_sdk_loads_every_class_and_reads_yaml_with_the_c_parser(unpacked, process, tmp_path):
    script = (
        "import sys, io, json; out, sys.stdout = sys.stdout, io.StringIO()\n"
        "import main, yaml\n"
        "assert yaml.safe_load.__globals__['SafeLoader'] is yaml.CSafeLoader\n"
        "assert sys.getswitchinterval() == 0.001\n"
        "[(provider, cls, tools)] = main.plugin.registration.tools_mapping.values()\n"
        "json.dump({name: cls.__name__ for name, (_, cls) in tools.items()}, out)\n"
    )
    child = process([sys.executable, "-c", script], cwd=unpacked, env=environment(tmp_path, INSTALL_METHOD="local"))
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err.decode()[-2000:]
    classes = json.loads(out)
    assert sorted(classes) == TOOLS
    assert classes["crm_lookup"] == "CrmLookupTool"


def test_the_c_parser_reads_our_yaml_as_the_python_one_does(unpacked):
    import yaml

    files = [*unpacked.glob("*.yaml"), *unpacked.glob("provider/*.yaml"), *unpacked.glob("tools/*.yaml")]
    assert len(files) == 2 + len(TOOLS)
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert yaml.load(text, yaml.CSafeLoader) == yaml.load(text, yaml.loader.SafeLoader), path


def test_it_serves_within_twenty_seconds_in_serverless_mode(unpacked, process, tmp_path):
    """The marketplace waits 20 s for the words "Serving Flask app" and an HTTP answer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"INSTALL_METHOD": "serverless", "SERVERLESS_HOST": "127.0.0.1", "SERVERLESS_PORT": str(port)}
    child = process([sys.executable, "-m", "main"], cwd=unpacked, env=environment(tmp_path, **settings))
    end = time.monotonic() + 20
    assert any(b"Serving Flask app" in line for line in lines_of(child.stdout, end - time.monotonic()))
    assert answer_within(f"http://127.0.0.1:{port}/health", end) in (200, 404)


def answer_within(url, end):
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as response:
                return response.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
