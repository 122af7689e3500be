"""The embedded store behind the contract of a function as CRM source; its file stands in the address: `?file=…/crm.sqlite`."""

import sys
from functools import cache
from pathlib import Path

import functions_framework

sys.path.insert(0, str(Path(__file__).parents[4]))

from faas_toolkit.capabilities.crm.records import plain
from faas_toolkit.capabilities.crm.rows import Rows
from tests.fakes.crm import Store

store = cache(Store)


@functions_framework.http
def crm_store(request):
    asked = request.get_json()
    filters = {}
    for condition in asked["filters"]:
        filters.setdefault(condition["field"], {})[condition["operator"]] = condition["value"]
    found = store(Path(request.args["file"])).find(
        asked["query"] or None,
        workspace=asked["workspace"],
        entities=tuple(asked["entities"]),
        filters=filters,
        hidden=frozenset(asked["hidden"]),
        include=frozenset(asked["include"]),
        offset=asked["offset"],
        limit=asked["limit"],
        related_limit=asked["related_limit"],
        rows=Rows.of(
            {
                entity: tuple({name: tuple(values) for name, values in fields.items()} for fields in alternatives)
                for entity, alternatives in asked.get("rows", {}).items()
            }
        ),
    )
    return {
        "records": [plain(record, "") for record in found.records],
        "total": found.total,
        "removed": found.removed,
        "nearest": list(found.nearest),
        "rows_applied": True,
    }
