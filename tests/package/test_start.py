"""The unpacked package starts on the real SDK as Dify's daemon starts it, and as the marketplace's install check does."""

import json
import os
import sys

from workbench.package import start

TOOLS = [
    "audit_search",
    "cache_warm",
    "crm_lookup",
    "diagnose",
    "erase_person",
    "function_call",
    "knowledge_add",
    "knowledge_remove",
    "knowledge_search",
    "list_capabilities",
    "model_fallback",
    "model_generate",
]


def environment(home, **settings):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "FAAS_TOOLKIT_", "INSTALL_METHOD"))
    }
    return {**kept, "HOME": str(home), **settings}


def test_it_serves_within_twenty_seconds_over_stdio_and_in_serverless_mode(unpacked):
    assert [str(problem) for problem in start.starts(unpacked)] == []


def test_a_package_that_does_not_start_is_reported_both_ways_with_what_it_wrote(unpacked, tmp_path):
    for name in ("manifest.yaml", "provider", "tools"):
        (tmp_path / name).symlink_to(unpacked / name)
    (tmp_path / "main.py").write_text("raise RuntimeError('no such luck')\n")
    problems = list(start.starts(tmp_path))
    assert [problem.place for problem in problems] == ["stdio", "serverless"]
    assert all("no such luck" in problem.text for problem in problems)


def test_the_sdk_loads_every_class_and_reads_yaml_and_lines_the_fast_way(unpacked, process, tmp_path):
    script = (
        "import sys, io, json; out, sys.stdout = sys.stdout, io.StringIO()\n"
        "import main, yaml\n"
        "assert yaml.safe_load.__globals__['SafeLoader'] is yaml.CSafeLoader\n"
        "assert sys.getswitchinterval() == 0.001\n"
        "from dify_plugin.core.server.stdio.request_reader import TypeAdapter\n"
        "assert main.plugin.request_reader._read_async.__self__.__class__.__name__ == 'StandardInput'\n"
        "assert TypeAdapter(dict[str, object]) is TypeAdapter(dict[str, object])\n"
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
