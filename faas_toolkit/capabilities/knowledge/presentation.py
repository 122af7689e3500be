"""What a model reads: numbered passages that it can cite, with ids for the next call; what became of documents."""

from collections.abc import Mapping, Sequence

type Row = Mapping[str, object]

_CUT = "… (cut; ask with a larger max_chars or a narrower query)"
_SHOWN_DOCUMENTS = 20


def present_search(variables: Mapping[str, object], max_chars: int) -> str:
    """The passages, each once, as many as fit."""
    passages = _rows(variables["result"])
    if not passages:
        return "No passage found."
    bases = ", ".join(dict.fromkeys(str(_metadata(row)["dataset_name"]) for row in passages))
    lines = [f"{_counted(len(passages), 'passage')} from {bases}, best first; cite them by number."]
    left = max_chars - len(lines[0])
    for row in passages:
        text = f"{_heading(row)}\n{row['content']}"
        if len(text) + 2 > left:
            lines.append(text[: max(0, left - len(_CUT) - 2)] + _CUT if left > len(_heading(row)) + len(_CUT) + 40 else "…")
            break
        lines.append(text)
        left -= len(text) + 2
    return "\n\n".join(lines)[:max_chars]


def present_add(variables: Mapping[str, object], max_chars: int) -> str:
    """What became of each document."""
    documents, report = _rows(variables["documents"]), variables["report"]
    refused = _rows(report.get("refused")) if isinstance(report, Mapping) else []
    lines = [_outcome(row) for row in documents[:_SHOWN_DOCUMENTS]]
    if len(documents) > _SHOWN_DOCUMENTS:
        lines.append(f"… and {len(documents) - _SHOWN_DOCUMENTS} more documents.")
    lines += [f"- not added: {row['name']}: {row['message']}" for row in refused]
    heading = f"{_counted(len(documents), 'document')} can be found now:"
    return "\n".join([heading, *lines])[:max_chars]


def present_remove(variables: Mapping[str, object], max_chars: int) -> str:
    """How many went."""
    removed = variables["removed"]
    return f"Removed: {_counted(removed, 'document')}."[:max_chars]


def _rows(value: object) -> Sequence[Row]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _metadata(row: Row) -> Row:
    metadata = row["metadata"]
    return metadata if isinstance(metadata, Mapping) else {}


def _heading(row: Row) -> str:
    metadata = _metadata(row)
    where = f" > {metadata['heading']}" if metadata["heading"] else ""
    return f"[{metadata['position']}] {row['title']}{where} ({metadata['segment_id']}, score {metadata['score']})"


def _outcome(row: Row) -> str:
    return f"- {row['id']} {row['title']}: {row['status']}, {_counted(row['passages'], 'passage')}"


def _counted(number: object, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
