"""The operations on knowledge."""

from collections.abc import Mapping

from faas_toolkit.core.operation import Operation
from faas_toolkit.core.schema import Parameter, Shape

MAX_TEXT_CHARS = 1_000_000
"""Of one text that is added."""

_FILTERS = Parameter(name="filters", type="object", max_chars=1_000_000, example='{"department": "support"}')

SEARCH = Operation(
    name="knowledge.search",
    tool="knowledge_search",
    grant="knowledge.read",
    shape=Shape(
        (
            Parameter(name="query", required=True, max_chars=2_000, example="How long can goods be returned?"),
            Parameter(name="bases", type="list", default=()),
            _FILTERS,
            Parameter(name="top_k", type="integer", minimum=1, maximum=50, default=5),
            Parameter(name="mode", type="select", options=("auto", "lexical", "hybrid"), default="auto"),
            Parameter(name="max_chars", type="integer", minimum=500, maximum=40_000, default=8_000),
        )
    ),
    large=frozenset({"result"}),
    empty={"result": [], "citations": []},
)

_NO_REPORT: Mapping[str, object] = {}

ADD = Operation(
    name="knowledge.add",
    tool="knowledge_add",
    grant="knowledge.write",
    shape=Shape(
        (
            Parameter(name="text", max_chars=MAX_TEXT_CHARS, example="Goods can be returned within 30 days."),
            Parameter(name="files", type="files"),
            Parameter(name="url", max_chars=2_000, example="https://www.example.com/terms.html"),
            Parameter(name="base", max_chars=64, example="handbook"),
            Parameter(name="title", max_chars=300, example="Returns"),
            Parameter(name="metadata", type="object", max_chars=100_000, example='{"department": "support"}'),
            Parameter(name="access", type="object", max_chars=100_000, example='{"roles": ["support"]}'),
            Parameter(name="document", max_chars=100, example="handbook:12"),
        )
    ),
    large=frozenset({"report"}),
    empty={"documents": [], "report": _NO_REPORT},
)

REMOVE = Operation(
    name="knowledge.remove",
    tool="knowledge_remove",
    grant="knowledge.write",
    shape=Shape(
        (
            Parameter(name="base", max_chars=64, example="handbook"),
            Parameter(name="document", max_chars=100, example="handbook:12"),
            _FILTERS,
        )
    ),
    empty={"removed": 0},
)

OPERATIONS = (SEARCH, ADD, REMOVE)
