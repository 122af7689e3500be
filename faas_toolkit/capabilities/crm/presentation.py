"""What a model reads of a lookup: facts first, with ids that the next call can use."""

from collections.abc import Callable, Iterator, Mapping, Sequence

type Record = Mapping[str, object]

_RELATED = ("people", "deals", "tickets", "activities")
_CUT = "… and {} more on this page; ask with a smaller limit."


def present_lookup(variables: Mapping[str, object], max_chars: int) -> str:
    """The records with as much as fits: with what is related, without it, or names alone."""
    listed = variables["records"]
    records = [record for record in listed if isinstance(record, Mapping)] if isinstance(listed, list) else []
    heading = _heading(variables, records)
    if not records:
        return heading[:max_chars]
    for write in (_whole, _line, _name):
        text = "\n".join([heading, *(write(record) for record in records)])
        if len(text) <= max_chars:
            return text
    return _cut_lines(heading, records, _name, max_chars)


def _heading(variables: Mapping[str, object], records: Sequence[Record]) -> str:
    if not records:
        return "No record found."
    total, cursor = variables["total"], variables["next_cursor"]
    sources = ", ".join(dict.fromkeys(str(record.get("source", "")) for record in records))
    heading = f"{len(records)} of {total} records, source: {sources}."
    if cursor:
        heading += f" More with cursor={cursor}"
    if variables["ambiguous"]:
        heading += "\nSeveral fit equally well. Ask which one is meant, or repeat the call with its id as query:"
    return heading


def _cut_lines(heading: str, records: Sequence[Record], write: Callable[[Record], str], max_chars: int) -> str:
    lines, left = [heading], max_chars - len(heading) - len(_CUT) - 4
    for record in records:
        line = write(record)[:200]
        left -= len(line) + 1
        if left < 0:
            lines.append(_CUT.format(len(records) - len(lines) + 1))
            break
        lines.append(line)
    return "\n".join(lines)[:max_chars]


def _whole(record: Record) -> str:
    return "\n".join([_line(record), *_related(record)])


def _line(record: Record) -> str:
    facts = [_name(record), *_FACTS[str(record["entity"])](record), *_counts(record), *_plain(record, "url")]
    if record.get("owner"):
        facts.append(f"owner {record['owner']}")
    if record.get("match") in ("sounds like", "similar"):
        facts.append(f"({record['match']})")
    return "- " + "; ".join(facts)


def _name(record: Record) -> str:
    alias = f" ({record['also_known_as']})" if record.get("also_known_as") else ""
    return f"{record['id']} {record.get('name', '')}{alias}"


def _person(record: Record) -> list[str]:
    job = " at ".join([part for part in (str(record.get("title") or ""), _link(record.get("company"))) if part])
    return [*([job] if job else ()), *_plain(record, "email", "phone"), *_place(record)]


def _company(record: Record) -> list[str]:
    facts = _plain(record, "industry", "domain", "phone")
    if record.get("employees"):
        facts.append(f"{record['employees']} employees")
    return facts + _place(record)


def _deal(record: Record) -> list[str]:
    facts = _plain(record, "stage")
    if record.get("amount") is not None:
        facts.append(f"{_number(record['amount'])} {record.get('currency', '')}".rstrip())
    if record.get("close_date"):
        facts.append(f"{'closes' if record.get('open') else 'closed'} {record['close_date']}")
    return facts + _links(record)


def _ticket(record: Record) -> list[str]:
    facts = _plain(record, "status")
    if record.get("priority"):
        facts.append(f"priority {record['priority']}")
    if record.get("created"):
        facts.append(f"created {record['created']}")
    if record.get("closed"):
        facts.append(f"closed {record['closed']}")
    return facts + _links(record)


def _activity(record: Record) -> list[str]:
    facts = [*_plain(record, "kind", "date"), *_links(record)]
    if record.get("text"):
        text = str(record["text"])
        facts.append(text if len(text) <= 300 else text[:300] + "…")
    return facts


_FACTS: Mapping[str, Callable[[Record], list[str]]] = {
    "person": _person,
    "company": _company,
    "deal": _deal,
    "ticket": _ticket,
    "activity": _activity,
}


def _counts(record: Record) -> Iterator[str]:
    related = record.get("related")
    for relation, counts in related.items() if isinstance(related, Mapping) else ():
        if counts["total"] == 0:
            yield f"no {relation}"
        elif "open" in counts:
            yield f"{counts['open']} open of {counts['total']} {relation}"
        else:
            yield f"{counts['total']} {relation}"


def _related(record: Record) -> Iterator[str]:
    """One line for each related record; a company that came along has one of its own."""
    company = record.get("company")
    if isinstance(company, Mapping) and len(company) > 2:
        yield "  company: " + _short({**company, "entity": "company"})
    for relation in _RELATED:
        given = record.get(relation)
        for each in given if isinstance(given, list) else ():
            known = {name: value for name, value in each.items() if not _same(value, record)}
            yield f"  {relation}: " + _short({**known, "entity": str(each["id"]).partition(":")[0]})
        counts = record.get("related")
        if isinstance(counts, Mapping) and counts.get(relation, {}).get("more"):
            yield f'  more {relation}: entity={_entity(relation)}, filters={{"{record["entity"]}": "{record["id"]}"}}'


def _same(link: object, record: Record) -> bool:
    """Whether a related record only says to which record it belongs."""
    return isinstance(link, Mapping) and link.get("id") == record["id"]


def _short(record: Record) -> str:
    return "; ".join([_name(record), *_FACTS[str(record["entity"])](record)])


def _entity(relation: str) -> str:
    return {"people": "person", "activities": "activity"}.get(relation, relation.removesuffix("s"))


def _plain(record: Record, *names: str) -> list[str]:
    return [str(record[name]) for name in names if record.get(name)]


def _place(record: Record) -> list[str]:
    place = ", ".join(_plain(record, "city", "country"))
    return [place] if place else []


def _links(record: Record) -> list[str]:
    return [_link(record[name]) for name in ("company", "person", "deal", "ticket") if record.get(name)]


def _link(link: object) -> str:
    return f"{link.get('name', '')} ({link.get('id', '')})".strip() if isinstance(link, Mapping) else ""


def _number(value: object) -> str:
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)
