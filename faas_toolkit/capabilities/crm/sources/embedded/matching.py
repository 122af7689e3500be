"""Which records a query means, best first.

Exact keys, then names, then records that hold every word. Only where there is none of these: what is nearest, by how much the
names resemble the query in writing or sound, the words a record holds, and the trigrams it shares. So a total always counts real
matches.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sqlalchemy import Connection, bindparam, select  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.capabilities.crm.fields import ENTITIES, Entity
from faas_toolkit.capabilities.crm.port import Lookup, Strength
from faas_toolkit.capabilities.crm.query import Query, name_keys_of_query, same_phone, sounds_of_query
from faas_toolkit.capabilities.crm.rows import closed_links
from faas_toolkit.capabilities.crm.sources.embedded.index import (
    GRAMS,
    TITLED,
    WORDS,
    Kind,
    parts_of,
    record_of,
    searchable_by,
    visible_kind,
)
from faas_toolkit.capabilities.crm.sources.embedded.open_rows import Ref, open_refs
from faas_toolkit.capabilities.crm.sources.embedded.tables import KEYS
from faas_toolkit.core.immutable import immutable
from faas_toolkit.search.analysis import has_han, trigrams
from faas_toolkit.search.likeness import alike_in_sound, alike_in_writing
from faas_toolkit.search.pinyin import readings
from faas_toolkit.search.text_index import Match, TextIndex
from faas_toolkit.state.prepared import Prepared

MOST_MATCHES = 20_000
"""Records holding all words that are looked at; a query that fits more is too wide to be paged through."""

_MOST_NEAR = 50
_CANDIDATES = 400
_MOST_GRAMS = 200
_RAREST_GRAMS = 8
"""Measured in crm-and-knowledge, c: as good as all trigrams and three to five times as fast at 100,000 rows."""

_SIMILAR = 0.72
"""Likeness from which a name counts as a misspelling."""

_WORDS_COUNT, _GRAMS_COUNT = 0.5, 0.3
"""What words and trigrams weigh beside a name's likeness (1.0). Measured on 3,600 generated people with slips in the name:
R@1 .98, by reciprocal ranks .53; in name and city: .96 and .45. Ranks lose how far the first is ahead of the second."""

_NAME_COLUMNS = ("name", "alias", "sound")
_WORD_COLUMNS = (*_NAME_COLUMNS, "contact", "company", "person", "subject", "detail")
_GRAM_COLUMNS = ("name", "alias", "place")
_FUZZY_KINDS: tuple[Kind, ...] = ("name", "alias", "sound")

_BY_VALUE = Prepared(
    select(KEYS.c.kind, KEYS.c.value, KEYS.c.entity, KEYS.c.id).where(
        KEYS.c.workspace == bindparam("workspace"),
        KEYS.c.kind.in_(bindparam("kinds", expanding=True)),
        KEYS.c.value.in_(bindparam("values", expanding=True)),
    )
)
_BY_BEGINNING = Prepared(
    select(KEYS.c.value, KEYS.c.entity, KEYS.c.id).where(
        KEYS.c.workspace == bindparam("workspace"),
        KEYS.c.kind == "phone",
        KEYS.c.value >= bindparam("first"),
        KEYS.c.value < bindparam("after"),
    )
)
_OF_RECORDS = Prepared(
    select(KEYS.c.kind, KEYS.c.value, KEYS.c.entity, KEYS.c.id).where(
        KEYS.c.workspace == bindparam("workspace"),
        KEYS.c.entity == bindparam("entity"),
        KEYS.c.id.in_(bindparam("ids", expanding=True)),
        KEYS.c.kind.in_(_FUZZY_KINDS),
    )
)


@dataclass(slots=True)
class Matches:
    """Records in the order of their fitness; the first strength that found a record stands."""

    strengths: dict[Ref, Strength] = field(default_factory=dict)

    def add(self, refs: Iterable[Ref], strength: Strength) -> None:
        """Appends those that are not there yet."""
        for ref in refs:
            self.strengths.setdefault(ref, strength)


@immutable(slots=False)
class Matcher:
    """Answers one query over one area of the index."""

    connection: Connection
    workspace: str
    area: int
    lookup: Lookup
    query: Query

    def strong(self, most: int = MOST_MATCHES) -> Matches:
        """The records that the query means beyond doubt, best first; at most so many of those that hold its words."""
        matches = Matches()
        if self.query.ids:
            matches.add(self._ids(), Strength.ID)
            return matches
        matches.add(self._keys(), Strength.KEY)
        if matches.strengths:
            return matches
        named = self._named()
        matches.add(named["name"], Strength.NAME)
        matches.add(named["alias"], Strength.NAME)
        matches.add(named["sound"], Strength.SOUND)
        holding = self._words(self.query.required, "all", _WORD_COLUMNS, most)
        # No title stands in a column of names: these are searched alone only where somebody else holds the words, or may.
        if len(holding) >= most or any(ref[0] not in TITLED and ref not in matches.strengths for ref in holding):
            matches.add(self._words(self.query.required, "all", _NAME_COLUMNS, most), Strength.NAME_WORDS)
        matches.add(holding, Strength.WORDS)  # among them those that hold the words in their names
        return matches

    def near(self) -> Matches:
        """What comes nearest, at most 50; for queries without a strong match."""
        matches = Matches()
        if not self.query.ids:
            matches.add(self._nearest()[:_MOST_NEAR], Strength.NEAR)
        return matches

    def same_sound(self) -> Matches:
        """The homophones of a Chinese name."""
        matches = Matches()
        matches.add(self._same_sound(), Strength.NEAR)
        return matches

    def resembling(self, most: int = 3) -> list[Ref]:
        """Whose names resemble the query a little; to be offered where nothing matched."""
        return [ref for ref, _ in self._by_likeness([ref for ref, _ in self._spelled])[:most]]

    def _ids(self) -> list[Ref]:
        known = ((entity, key) for entity, key in self.query.ids if key.isdecimal() and len(key) < 10)
        return [(entity, int(key)) for entity, key in known if entity in self.lookup.entities]  # there or not, open or not

    def _keys(self) -> list[Ref]:
        emails, domain = self.query.emails, self.query.domain
        refs = self._by_value({"email": emails})["email"] if emails else []
        if not refs and self.query.phone:
            refs = self._phone()
        if not refs and domain:
            refs = sorted(self._by_value({"domain": (domain,)})["domain"], key=lambda ref: ref[0] != "company")
        return refs

    def _phone(self) -> list[Ref]:
        digits = self.query.phone.lstrip("0")
        first = digits[::-1][:8]
        if not first:
            return []
        parameters = {"workspace": self.workspace, "first": first, "after": first + ":"}  # ":" follows "9"
        rows = _BY_BEGINNING(self.connection, parameters)
        found = [(row["value"], row["entity"], row["id"]) for row in rows if same_phone(row["value"][::-1], digits)]
        exact_first = sorted(found, key=lambda row: (row[0] != digits[::-1], ENTITIES.index(row[1]), row[2]))
        return self._allowed("phone", [(entity, number) for _, entity, number in exact_first])

    def _named(self) -> dict[Kind, list[Ref]]:
        """The records that have the query for a name, by the kind of name; read at once."""
        names = name_keys_of_query(self.query)
        sounds = () if has_han(self.query.text) else sounds_of_query(self.query)
        return self._by_value({"name": names, "alias": names, "sound": sounds})

    def _by_value(self, wanted: Mapping[Kind, Sequence[str]]) -> dict[Kind, list[Ref]]:
        values = sorted({value[:320] for each in wanted.values() for value in each})
        parameters = {"workspace": self.workspace, "kinds": list(wanted), "values": values}
        rows = _BY_VALUE(self.connection, parameters) if values else ()
        found: dict[Kind, list[Ref]] = {}
        for kind, asked in wanted.items():
            keys = {value[:320] for value in asked}
            refs = [(row["entity"], row["id"]) for row in rows if row["kind"] == kind and row["value"] in keys]
            found[kind] = self._allowed(kind, sorted(refs, key=lambda ref: (ENTITIES.index(ref[0]), ref[1])))
        return found

    def _allowed(self, kind: Kind, refs: Iterable[Ref]) -> list[Ref]:
        entities = searchable_by(kind, self.lookup.entities, self.lookup.hidden)
        return self._open([ref for ref in dict.fromkeys(refs) if ref[0] in entities])

    def _open(self, refs: Sequence[Ref]) -> list[Ref]:
        """Here, before anything is decided by what was found: a closed record must not keep others from being looked for."""
        return open_refs(self.connection, self.workspace, self.lookup.rows, refs)

    def _words(self, terms: Sequence[str], match: Match, columns: tuple[str, ...], limit: int) -> list[Ref]:
        return [ref for ref, _ in self._indexed(WORDS, terms, match, columns, limit)]

    def _indexed(
        self, index: TextIndex, terms: Sequence[str], match: Match, columns: tuple[str, ...], limit: int
    ) -> list[tuple[Ref, float]]:
        """Hits over all entities, each searched in the columns that are not hidden from the caller."""
        hidden = self.lookup.hidden | closed_links(self.lookup.rows)
        limit, most = (MOST_MATCHES if self.lookup.rows else limit), limit
        parts = parts_of(self.lookup.entities, columns, hidden)
        hits: list[tuple[Ref, float]] = []
        for part in parts:
            found = index.find(
                self.connection, self.area, terms, match=match, columns=part.columns, within=part.within, limit=limit
            )
            hits += [(record_of(document), score) for document, score in found]
        wanted = set(self.lookup.entities)
        ranked = sorted(hits, key=lambda hit: -hit[1]) if len(parts) > 1 else hits
        found_open = [hit for hit in ranked if hit[0][0] in wanted]
        if self.lookup.rows:
            opened = set(self._open([ref for ref, _ in found_open]))
            found_open = [hit for hit in found_open if hit[0] in opened]
        return found_open[:most]

    def _nearest(self) -> list[Ref]:
        telling = [term for term in self.query.terms if len(term) > 1 or not term.isascii()]
        held = _relative(self._indexed(WORDS, telling, "any", _WORD_COLUMNS, _CANDIDATES))
        spelled = _relative(self._spelled)
        alike = dict(self._by_likeness([*self._same_sound(), *spelled, *held]))
        scores = {
            ref: likeness + _WORDS_COUNT * held.get(ref, 0.0) + _GRAMS_COUNT * spelled.get(ref, 0.0)
            for ref, likeness in alike.items()
            if ref in held or likeness >= _SIMILAR
        }
        return sorted(scores, key=lambda ref: -scores[ref])

    @cached_property
    def _spelled(self) -> list[tuple[Ref, float]]:
        """Records that share the query's rarest trigrams, with their scores."""
        grams = trigrams(self.query.text)[:_MOST_GRAMS]
        rarest = GRAMS.rarest(self.connection, self.area, grams, _RAREST_GRAMS)
        return self._indexed(GRAMS, rarest, "any", _GRAM_COLUMNS, _CANDIDATES)

    def _same_sound(self) -> list[Ref]:
        """Chinese names that are read as the query is, those with most characters in common first."""
        if not has_han(self.query.text):
            return []
        joined = "".join(self.query.words)
        refs = self._by_value({"sound": ["".join(reading) for reading in readings(joined)]})["sound"]
        return [ref for ref, _ in self._by_likeness(refs)]

    def _by_likeness(self, refs: Sequence[Ref]) -> list[tuple[Ref, float]]:
        """How much each record's names resemble the query (0 to 1), the most alike first."""
        best: dict[Ref, float] = dict.fromkeys(refs, 0.0)
        sounds = sounds_of_query(self.query) if best else ()
        for kind, value, entity, number in self._keys_of(list(best)):
            if not visible_kind(kind, entity, self.lookup.hidden):
                continue
            likeness = alike_in_sound(sounds, value) if kind == "sound" else alike_in_writing(self.query.words, value)
            best[entity, number] = max(best[entity, number], likeness)
        return sorted(best.items(), key=lambda item: -item[1])

    def _keys_of(self, refs: Sequence[Ref]) -> Iterator[tuple[Kind, str, Entity, int]]:
        numbers: dict[Entity, list[int]] = {}
        for entity, number in refs:
            numbers.setdefault(entity, []).append(number)
        for entity, ids in numbers.items():
            rows = _OF_RECORDS(self.connection, {"workspace": self.workspace, "entity": entity, "ids": ids})
            yield from ((row["kind"], row["value"], row["entity"], row["id"]) for row in rows)


def _relative(hits: Sequence[tuple[Ref, float]]) -> dict[Ref, float]:
    """Scores as parts of the best one."""
    best = max((score for _, score in hits), default=0.0) or 1.0
    return {ref: score / best for ref, score in hits}
