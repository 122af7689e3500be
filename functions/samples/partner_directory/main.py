"""A sample function that serves customers: a small directory of a reselling partner, as a CRM source of the catalog.

Runs on any functions-framework runtime: `functions-framework --target partner_directory --source main.py`. In the catalog:

    crm:
      partner: {kind: function, function: partner_directory}

    POST {"operation": "crm.find", "query": "harbour", "entities": ["company"], "filters": [], "offset": 0, "limit": 5, …}
    200  {"records": [{"id": "company:harbour", "name": "Harbour Logistics", "match": "words of the name", …}], "total": 1}

docs/serving.md describes the contract. This directory finds by id, e-mail address, domain and the words of a record, and knows
the operators `eq`, `ne`, `in`, `contains` and `empty`; replace RECORDS by your own system and keep the rest.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import flask
import functions_framework

type Record = Mapping[str, Any]

RECORDS: tuple[Record, ...] = (
    {
        "id": "company:harbour",
        "name": "Harbour Logistics",
        "industry": "Logistics",
        "domain": "harbour-logistics.example",
        "city": "Rotterdam",
        "country": "Netherlands",
        "employees": 340,
        "owner": "partner.eu",
    },
    {
        "id": "company:kumo",
        "name": "雲工房株式会社",
        "also_known_as": "Kumo Works",
        "industry": "Software",
        "domain": "kumo-works.example",
        "city": "Osaka",
        "country": "Japan",
        "owner": "partner.jp",
    },
    {
        "id": "person:lena",
        "name": "Lena Brandt",
        "title": "Head of Operations",
        "company": {"id": "company:harbour", "name": "Harbour Logistics"},
        "email": "lena.brandt@harbour-logistics.example",
        "country": "Netherlands",
        "owner": "partner.eu",
    },
    {
        "id": "deal:h-2026-3",
        "name": "Warehouse sensors, second site",
        "stage": "proposal",
        "open": True,
        "amount": 48_000,
        "currency": "EUR",
        "close_date": "2027-01-31",
        "company": {"id": "company:harbour", "name": "Harbour Logistics"},
        "person": {"id": "person:lena", "name": "Lena Brandt"},
        "owner": "partner.eu",
    },
)
SEARCHED = ("name", "also_known_as", "title", "industry", "city", "email", "domain")
RELATED = {"deal": "deals", "person": "people", "ticket": "tickets"}


@functions_framework.http
def partner_directory(request: flask.Request) -> tuple[dict[str, Any], int]:
    """The HTTP entry point."""
    asked: Any = request.get_json(silent=True, force=True)
    if not isinstance(asked, dict) or asked.get("operation") != "crm.find":
        return {"error": {"message": 'Send {"operation": "crm.find", "query": "…", "entities": [...]}.'}}, 400
    records = open_records(asked.get("rows", {}))
    found = [
        {**record, "match": match}
        for record in records
        if entity_of(record) in asked["entities"]
        and (match := match_of(record, asked["query"]))
        and all(fulfils(record, condition) for condition in asked["filters"])
    ]
    found.sort(key=lambda record: ("id", "exact", "words of the name", "words").index(record["match"]))
    first = asked["offset"]
    page = found[first : first + asked["limit"]]
    shown = [with_related(record, records, asked["include"], asked["related_limit"]) for record in page]
    return {"records": shown, "total": len(found), "rows_applied": True}, 200


def open_records(rows: Mapping[str, list[Mapping[str, list[object]]]]) -> list[Record]:
    """The records that the caller may know of, without links to others: one of the entity's alternatives holds, if it has any."""
    opened = {
        record["id"]: record
        for record in RECORDS
        if entity_of(record) not in rows or any(holds(record, fields) for fields in rows[entity_of(record)])
    }
    return [
        {name: value for name, value in record.items() if not isinstance(value, dict) or value["id"] in opened}
        for record in opened.values()
    ]


def holds(record: Record, fields: Mapping[str, list[object]]) -> bool:
    """Whether every field has one of its values; a link is compared by its id."""
    values = {name: record.get(name) for name in fields}
    return all((value["id"] if isinstance(value, dict) else value) in fields[name] for name, value in values.items())


def match_of(record: Record, query: str) -> str:
    """How the record fits the query, in the contract's words; empty where it does not."""
    text = query.strip().lower()
    if not text:
        return "words"
    if text == record["id"]:
        return "id"
    if text in (record.get("email"), record.get("domain")):
        return "exact"
    words = text.split()
    names = f"{record['name']} {record.get('also_known_as', '')}".lower()
    if all(word in names for word in words):
        return "words of the name"
    whole = " ".join(str(record.get(field, "")) for field in SEARCHED).lower()
    return "words" if all(word in whole for word in words) else ""


def fulfils(record: Record, condition: Mapping[str, Any]) -> bool:
    """Whether the record fulfils one condition of the filters."""
    value, wanted, operator = record.get(condition["field"]), condition["value"], condition["operator"]
    if isinstance(value, dict):  # a link is compared by its id or its name
        value = value["id"] if str(wanted).startswith(f"{condition['field']}:") else value["name"]
    if operator == "empty":
        return (value is None) == wanted
    if operator == "contains":
        return str(wanted).lower() in str(value or "").lower()
    same = same_text(value, wanted) if operator in ("eq", "ne") else any(same_text(value, each) for each in as_list(wanted))
    return not same if operator == "ne" else same


def same_text(value: object, wanted: object) -> bool:
    """Whether two values are the same, whatever case they are written in."""
    return str(value).lower() == str(wanted).lower()


def as_list(value: object) -> Iterable[object]:
    """A list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]


def with_related(record: Record, records: list[Record], include: list[str], most: int) -> dict[str, Any]:
    """The record with the numbers of what hangs on it, and with the records that were asked for along."""
    entity = entity_of(record)
    shown: dict[str, Any] = {**record, "related": {}}
    for child, relation in RELATED.items():
        hanging = [each for each in records if entity_of(each) == child and each.get(entity, {}).get("id") == record["id"]]
        if entity in ("company", "person") and child != entity:
            shown["related"][relation] = {"total": len(hanging), "open": sum(bool(each.get("open")) for each in hanging)}
            if relation in include:
                shown[relation] = hanging[:most]
    return shown


def entity_of(record: Record) -> str:
    """`person` of `person:lena`."""
    return str(record["id"]).partition(":")[0]
