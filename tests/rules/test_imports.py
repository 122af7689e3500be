"""Who may import whom, as far as import-linter cannot say it (its contracts stand in pyproject.toml)."""

import ast
import sys

import pytest

from tests.rules.tree import PACKAGE, PRODUCT, ROOT, SHIPPED, dotted, files, imports, is_within, name_of, parsed

DEVELOPMENT = ("workbench", "bench", "tests")
KNOW_THE_SDK = ("faas_toolkit/dify/", "tools/", "provider/", "endpoints/", "main.py")
OPENS_CLIENTS = "faas_toolkit/net/http.py"
COMPOSITION_ROOT = "faas_toolkit/wiring.py"


def test_core_imports_the_standard_library_only():
    for path in files("faas_toolkit/core"):
        for module, line in imports(path):
            top = module.split(".")[0]
            assert top in sys.stdlib_module_names or is_within(module, "faas_toolkit.core"), f"{name_of(path)}:{line} {module}"


def test_only_the_adapter_and_the_plugin_s_own_files_know_the_sdk():
    for path in PRODUCT:
        if not name_of(path).startswith(KNOW_THE_SDK):
            known = [f"{name_of(path)}:{line}" for module, line in imports(path) if is_within(module, "dify_plugin")]
            assert known == []


def test_only_the_adapter_imports_gevent():
    for path in PACKAGE:
        if not name_of(path).startswith("faas_toolkit/dify/"):
            assert [line for module, line in imports(path) if is_within(module, "gevent")] == [], name_of(path)


def test_no_product_file_imports_what_is_for_development():
    for path in PRODUCT:
        used = [
            f"{name_of(path)}:{line}" for module, line in imports(path) if any(is_within(module, room) for room in DEVELOPMENT)
        ]
        assert used == []


def test_functions_do_without_the_adapter_to_dify():
    for path in files("functions"):
        assert [line for module, line in imports(path) if is_within(module, "faas_toolkit.dify")] == [], name_of(path)


def test_tools_and_provider_reach_into_the_adapter_only():
    for path in files("tools", "provider", "endpoints"):
        for module, line in imports(path):
            if is_within(module, "faas_toolkit"):
                assert is_within(module, "faas_toolkit.dify"), f"{name_of(path)}:{line}"


def test_no_asyncio_anywhere():
    for path in PRODUCT:
        if not name_of(path).startswith("functions/"):
            assert [line for module, line in imports(path) if is_within(module, "asyncio")] == [], name_of(path)


def test_http_clients_are_made_in_one_file():
    """Every other file gets its client, so the egress guard cannot be walked around."""
    makers = {
        name_of(path)
        for path in PACKAGE
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and dotted(node.func) in ("httpx.Client", "httpx.HTTPTransport", "httpx.AsyncClient", "Client")
    }
    assert makers <= {OPENS_CLIENTS}
    shortcuts = {
        f"{name_of(path)}: {dotted(node.func)}"
        for path in SHIPPED
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
        and dotted(node.func)
        in {f"httpx.{verb}" for verb in ("get", "post", "put", "patch", "delete", "head", "request", "stream")}
    }
    assert shortcuts == set()


def test_nothing_but_net_and_the_drivers_of_state_opens_sockets():
    for path in PACKAGE:
        if not name_of(path).startswith(("faas_toolkit/net/", "faas_toolkit/state/")):
            opened = [module for module, _ in imports(path) if is_within(module, "socket") or is_within(module, "urllib3")]
            assert opened == [], name_of(path)


def test_nothing_prints():
    """stdout is the wire between the plugin and Dify's daemon."""
    for path in PRODUCT:
        if name_of(path).startswith("functions/"):
            continue
        for node in ast.walk(parsed(path)):
            assert not (isinstance(node, ast.Call) and dotted(node.func) == "print"), f"{name_of(path)}:{node.lineno}"
            assert dotted(node) != "sys.stdout", f"{name_of(path)}:{getattr(node, 'lineno', 0)}"


def wired_strings(path):
    import re

    pattern = re.compile(r"faas_toolkit(\.\w+)+:\w+")
    return [
        node.value
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and pattern.fullmatch(node.value)
    ]


def test_module_attribute_strings_stand_in_the_composition_root_only():
    assert {name_of(path) for path in SHIPPED if wired_strings(path)} == {COMPOSITION_ROOT}


@pytest.mark.parametrize("string", wired_strings(ROOT / COMPOSITION_ROOT))
def test_each_of_them_resolves(string):
    from faas_toolkit.wiring import load

    assert load(string) is not None
