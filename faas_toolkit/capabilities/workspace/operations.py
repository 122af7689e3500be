"""The operations that answer everyone, filtered to what each may see (catalog.md, Rules), and what administrators do."""

from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape

FAMILIES = ("all", "crm", "knowledge", "functions", "models")
CHECKS = ("all", "identity", "catalog", "sources", "limits", "storage", "versions")

CAPABILITIES = Operation(
    name="workspace.capabilities",
    tool="list_capabilities",
    grant=None,
    shape=Shape(
        (
            Parameter(name="family", type="select", options=FAMILIES, default="all"),
            Parameter(name="name", max_chars=200, example="score_customer"),
        )
    ),
    large=frozenset({"capabilities"}),
    empty={"capabilities": []},
)

DIAGNOSE = Operation(
    name="workspace.diagnose",
    tool="diagnose",
    grant=None,
    shape=Shape((Parameter(name="check", type="select", options=CHECKS, default="all"),)),
    large=frozenset({"report"}),
    empty={"report": []},
)

WARM = Operation(
    name="cache.warm",
    tool="cache_warm",
    grant="admin.write",
    shape=Shape(
        (
            Parameter(
                name="calls", type="value", required=True, example='[{"tool": "crm_lookup", "arguments": {"query": "Acme"}}]'
            ),
            Parameter(name="role", max_chars=64, example="member"),
        )
    ),
    large=frozenset({"report"}),
    empty={"warmed": 0, "kept": 0, "failed": 0, "skipped": 0, "report": []},
)


ERASE = Operation(
    name="workspace.erase",
    tool="erase_person",
    grant="admin.write",
    shape=Shape(
        (
            Parameter(name="person", required=True, max_chars=320, example="maria.silva@acme.example"),
            Parameter(name="documents", type="select", options=("report", "delete"), default="report"),
            Parameter(name="confirm", max_chars=64, example="4f1c0a9be2d37785"),
        )
    ),
    large=frozenset({"report"}),
    unkept=frozenset({"person"}),
    empty={"erased": False, "person": "", "report": [], "confirm": ""},
)

OPERATIONS = (CAPABILITIES, DIAGNOSE, WARM, ERASE)
