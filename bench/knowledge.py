"""How well the embedded base ranks, and how fast, beside what SQLite's FTS5 does by itself: `python -m bench.knowledge [folder]`.

Collections in BEIR's layout (corpus.jsonl, queries.jsonl, qrels/test.tsv): Cranfield in English, CMRC in Chinese. Each document
is added with `knowledge_add`, each question asked with `knowledge_search`, through the whole chain of a runtime of its own. A
document is as good as its best passage. Goals: nDCG@10 of at least .38 on Cranfield and .97 on CMRC.
"""

import json
import math
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import Goal, quantile, save
from faas_toolkit.core.call import Origin, Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.service import Request, Service
from faas_toolkit.wiring import Process, RuntimeSettings, operation_named
from tests.fakes.host import FakeHost

GOALS = {"cranfield": 0.38, "cmrc": 0.97}
DEPTH = 10
CATALOG = {
    "version": 1,
    "roles": {"member": {"allow": ["knowledge.*"], "knowledge": ["*"]}},
    "knowledge": {"base": {"kind": "embedded"}},
    "audit": {"write": "durable"},  # without gevent, what is written later is written at once and waited for
}


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents, questions, and which documents answer which question."""

    documents: Sequence[Mapping[str, str]]
    questions: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, int]]


type Search = Callable[[str], list[str]]
"""The ids of the best documents for a question."""


def main() -> None:
    """Measures every collection that is there and prints."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent.parent / "shared" / "data"
    figures: dict[str, Any] = {}
    goals: list[Goal] = []
    for name, bound in GOALS.items():
        if not (folder / name).is_dir():
            print(f"{name}: not in {folder}; give the folder of the collections")
            continue
        collection = read(folder / name)
        for engine, search, built in engines(collection):
            figures[f"{name}, {engine}"] = row = {**measure(collection, search), "build_s": round(built, 1)}
            print(f"{name}, {engine}: {json.dumps(row)}")
        goals.append(Goal(f"{name}: nDCG@10", figures[f"{name}, embedded base"]["ndcg_at_10"], bound, at_most=False))
    print(*goals, sep="\n")
    print(save("knowledge", figures, goals))


def read(folder: Path) -> Collection:
    """A collection of BEIR's layout."""
    documents = [json.loads(line) for line in (folder / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    questions = [json.loads(line) for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    relevant: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        question, document, grade = line.split("\t")
        relevant.setdefault(question, {})[document] = int(grade)
    return Collection(documents, {each["_id"]: each["text"] for each in questions if each["_id"] in relevant}, relevant)


def engines(collection: Collection) -> Iterable[tuple[str, Search, float]]:
    """Each engine with its documents in it, and the seconds that took."""
    for tokenizer in ("unicode61", "trigram"):
        began = time.perf_counter()
        yield f"FTS5 {tokenizer}", fts5(collection, tokenizer), time.perf_counter() - began
    with tempfile.TemporaryDirectory() as data:
        began = time.perf_counter()
        yield "embedded base", embedded(collection, Path(data)), time.perf_counter() - began


def fts5(collection: Collection, tokenizer: str) -> Search:
    """FTS5 with a tokeniser of its own, as most who use it have it: one row for each document, words joined by OR, bm25()."""
    connection = sqlite3.connect(":memory:")
    connection.execute(f"CREATE VIRTUAL TABLE documents USING fts5(id UNINDEXED, title, body, tokenize='{tokenizer}')")
    rows = [(each["_id"], each.get("title", ""), each["text"]) for each in collection.documents]
    connection.executemany("INSERT INTO documents VALUES (?, ?, ?)", rows)

    def search(question: str) -> list[str]:
        expression = " OR ".join(f'"{word}"' for word in dict.fromkeys(_words(question, tokenizer)))
        if not expression:
            return []
        ranked = "SELECT id FROM documents WHERE documents MATCH ? ORDER BY bm25(documents, 0, 1, 1) LIMIT ?"
        return [document for (document,) in connection.execute(ranked, (expression, DEPTH))]

    return search


def _words(question: str, tokenizer: str) -> list[str]:
    cleaned = "".join(character if character.isalnum() else " " for character in question)
    if tokenizer != "trigram":
        return cleaned.split()
    return [word[at : at + 3] for word in cleaned.split() for at in range(len(word) - 2)]


def embedded(collection: Collection, data: Path) -> Search:
    """The embedded base, asked as a tool asks it: through validation, access, cache, gate and audit."""
    process = Process(
        clock=SystemClock(),
        offload=InlineOffload(),
        environment={"FAAS_TOOLKIT_DATA_DIR": str(data)},
        working_directory=data,
    )
    service = Service(process)
    settings = RuntimeSettings(catalog=json.dumps(CATALOG))
    origin = Origin(workspace=Workspace("bench", bytes(32)), surface="workflow", app_id="bench")

    def ask(operation: str, arguments: Mapping[str, object]) -> Mapping[str, Any]:
        request = Request(operation=operation_named(operation), arguments=arguments, origin=origin, host=FakeHost())
        outcome = service.run(settings, request)
        if outcome.failure is not None:
            raise RuntimeError(outcome.failure.as_text())
        return outcome.variables

    ids: dict[str, str] = {}
    for each in collection.documents:
        if not each["text"].strip():  # Cranfield has one of these
            continue
        added = ask("knowledge.add", {"text": each["text"], "title": each.get("title", "")[:300]})
        ids.setdefault(added["documents"][0]["id"], each["_id"])

    def search(question: str) -> list[str]:
        if not question.strip():  # CMRC has one of these
            return []
        found = ask("knowledge.search", {"query": question[:2_000], "top_k": 50, "max_chars": 40_000})
        return list(dict.fromkeys(ids[citation["document"]] for citation in found["citations"]))[:DEPTH]

    return search


def measure(collection: Collection, search: Search) -> dict[str, float]:
    """The mean nDCG@10 and recall@10, and the milliseconds of a question."""
    gains, recalls, seconds = [], [], []
    for number, question in collection.questions.items():
        began = time.perf_counter()
        ranked = search(question)
        seconds.append(time.perf_counter() - began)
        grades = collection.relevant[number]
        gains.append(ndcg(ranked, grades))
        recalls.append(sum(document in grades for document in ranked) / len(grades))
    return {
        "ndcg_at_10": round(sum(gains) / len(gains), 4),
        "recall_at_10": round(sum(recalls) / len(recalls), 4),
        "p50_ms": round(quantile(seconds, 0.5) * 1_000, 2),
        "p99_ms": round(quantile(seconds, 0.99) * 1_000, 2),
        "questions": len(gains),
    }


def ndcg(ranked: Sequence[str], grades: Mapping[str, int]) -> float:
    """Normalised discounted cumulative gain of the first ten (Järvelin and Kekäläinen, 2002), with linear gains."""
    gain = sum(grades.get(document, 0) / math.log2(place + 2) for place, document in enumerate(ranked[:DEPTH]))
    best = sum(grade / math.log2(place + 2) for place, grade in enumerate(sorted(grades.values(), reverse=True)[:DEPTH]))
    return gain / best if best else 0.0


if __name__ == "__main__":
    main()
