"""From the setting `catalog` to a typed catalog, or to every reason why not, at once."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from itertools import islice
from typing import Any

from pydantic import ValidationError

from faas_toolkit.catalog.cross_checks import cross_check
from faas_toolkit.catalog.document import Document, read_document
from faas_toolkit.catalog.findings import CatalogFinding, CatalogInvalid, FoundAt, render_path
from faas_toolkit.catalog.literal_secrets import find_literal_secrets
from faas_toolkit.catalog.origin import Fetch, OriginText, read_origin
from faas_toolkit.catalog.secret_references import Filled, available_secrets, fill_secrets
from faas_toolkit.catalog.sentences import Sentences
from faas_toolkit.catalog.spec import LATER_SECTIONS, Catalog, default_sections
from faas_toolkit.catalog.syntax import SyntaxProblem
from faas_toolkit.core.canonical import canonical_json, digest
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import InlineOffload, Offload

_MOST_FINDINGS = 200


@immutable(kw_only=True)
class LoadedCatalog:
    """A catalog that holds, and what to know about it."""

    catalog: Catalog = field(repr=False)
    hash: str
    """SHA-256 (hexadecimal) of what is in force; caches, limits and audit rows carry it. Equal for JSON and YAML that say the
    same, another when a secret's value changes, and no help in guessing one."""
    origin: str
    """`default`, `package`, `setting`, `file:NAME`, or the address without its query."""
    warnings: tuple[CatalogFinding, ...] = ()
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """The values of the secrets that the catalog names, for redaction."""
    fresh_for: float | None = None
    """Seconds until the origin is to be read anew; None: it changes only with the setting."""

    @property
    def version(self) -> int:
        """The version of the document's form."""
        return self.catalog.version


_INLINE = InlineOffload()


def load_catalog(
    text: str,
    *,
    secrets: Mapping[str, str],
    environment: Mapping[str, str],
    operations: Collection[str],
    fetch: Fetch | None = None,
    packaged: str = "",
    offload: Offload = _INLINE,
) -> LoadedCatalog:
    """The catalog behind the setting `catalog`; an empty setting is the packaged one, and without that the shipped default.

    Args:
        text: JSON, YAML, `base64:…`, `file:NAME` or an `https://` address; at most a million characters.
        secrets: the setting `secrets`.
        environment: the process's environment; read of it are only FAAS_TOOLKIT_CATALOG_DIR, FAAS_TOOLKIT_SHARED_SECRETS
            and what that lists.
        operations: the names of all operations, e.g. `crm.lookup`.
        fetch: gets an address through the egress guard.
        packaged: the text of the catalog that came with the package.
        offload: reads the text on a pool, since a large one, and the hash of secrets, hold a processor for a while.

    Raises:
        CatalogInvalid: with every problem.
    """
    try:
        source = read_origin(text, environment, fetch, packaged)
    except SyntaxProblem as problem:
        raise CatalogInvalid([_unreadable(problem)]) from problem
    available = available_secrets(secrets, environment)
    return offload.run("parse", lambda: _loaded(source, available, operations))


def _loaded(source: OriginText, available: Mapping[str, str], operations: Collection[str]) -> LoadedCatalog:
    read = _Reading(source, available, operations)
    catalog = read.catalog()
    if catalog is None:
        raise CatalogInvalid(finding for finding in read.findings if finding.severity == "error")
    return LoadedCatalog(
        catalog=catalog,
        hash=read.hash(),
        origin=source.origin,
        warnings=tuple(read.findings),
        secrets=tuple(read.filled.used.values()),
        fresh_for=source.fresh_for,
    )


def check_text(
    text: str,
    *,
    secrets: Mapping[str, str] | None,
    operations: Collection[str],
    environment: Mapping[str, str] | None = None,
) -> tuple[CatalogFinding, ...]:
    """Every error and warning of a catalog's text, for the command line; empty: it is good.

    With `secrets=None` the secrets are not at hand: each name is taken, and what depends on a value is not checked.
    """
    environment = environment or {}
    try:
        source = read_origin(text, environment, None)
    except SyntaxProblem as problem:
        return (_unreadable(problem),)
    available = None if secrets is None else available_secrets(secrets, environment)
    reading = _Reading(source, available, operations)
    reading.catalog()
    return tuple(reading.findings)


def _unreadable(problem: SyntaxProblem) -> CatalogFinding:
    line, column = (problem.mark.line, problem.mark.column) if problem.mark else (None, None)
    return CatalogFinding(path="", message=problem.message, hint=problem.hint, line=line, column=column)


class _Reading:
    """One reading of one text: collects findings instead of stopping at the first."""

    def __init__(self, source: OriginText, available: Mapping[str, str] | None, operations: Collection[str]) -> None:
        self._source = source
        self._available = available
        self._operations = operations
        self._document = Document({})
        self._sections: Mapping[str, Any] = {}
        self.filled = Filled()
        self.findings: list[CatalogFinding] = []

    def catalog(self) -> Catalog | None:
        """The typed catalog, or None where there is an error among the findings."""
        try:
            self._document = read_document(self._source.text)
        except SyntaxProblem as problem:
            self.findings = [_unreadable(problem)]
            return None
        found, catalog = self._examined()
        self.findings = self._placed(found)
        return None if any(finding.severity == "error" for finding in self.findings) else catalog

    def hash(self) -> str:
        """What identifies the catalog that is in force."""
        document = digest(self._sections)
        if not self.filled.used:
            return document
        # Slow and salted by the whole document: who sees a hash can neither read nor quickly guess a secret, yet all nodes agree.
        used = canonical_json(self.filled.used).encode("utf-8", "surrogatepass")
        return digest([document, hashlib.scrypt(used, salt=document.encode(), n=2**13, r=8, p=1).hex()])

    def _examined(self) -> tuple[list[FoundAt], Catalog | None]:
        given = {} if self._document.value is None else self._document.value
        if not isinstance(given, Mapping):
            return [FoundAt((), "it is not made of keys with values.", "Start it with `version: 1`.")], None
        found = [*self._document.problems, *_later(given)]
        served = {name: section for name, section in given.items() if name not in LATER_SECTIONS}
        self._sections = {**default_sections(), **served} if given else default_sections()
        if given and "version" not in given:
            self._sections = {name: section for name, section in self._sections.items() if name != "version"}
        self.filled = fill_secrets(self._sections, self._available)
        literals = list(find_literal_secrets(served))
        found += self.filled.problems
        known = {finding.path for finding in found}
        found += [finding for finding, _ in literals if finding.path not in known]
        found += islice(cross_check(self._sections, self._operations), _MOST_FINDINGS + 1)
        return self._typed(found, [text for _, text in literals])

    def _typed(self, found: list[FoundAt], literals: list[str]) -> tuple[list[FoundAt], Catalog | None]:
        try:
            return found, Catalog.model_validate(self.filled.value)
        except ValidationError as error:
            sentences = Sentences(
                Catalog,
                self._sections,
                written=self._document.written,
                secret_places=self.filled.places,
                hidden=[*self.filled.used.values(), *literals],
            )
            known = {finding.path for finding in found}
            return [
                *found,
                *(item for item in sentences(error, _MOST_FINDINGS + 1) if item.path not in known and not self._unknowable(item)),
            ], None

    def _unknowable(self, finding: FoundAt) -> bool:
        """Without the secrets at hand, nothing is said about what they stand for."""
        places = self.filled.places if self._available is None else {}
        return any(place[: len(finding.path)] == finding.path for place in places)

    def _placed(self, found: Iterable[FoundAt]) -> list[CatalogFinding]:
        """The findings with their lines, in the order of the text."""
        placed = []
        found = list(found)
        if len(found) > _MOST_FINDINGS:
            found[_MOST_FINDINGS:] = [FoundAt((), f"there are more than {_MOST_FINDINGS} problems.", "Repair these first.")]
        for item in found:
            mark = item.mark or self._document.mark(item.path, at_key=item.at_key)
            placed.append(
                CatalogFinding(
                    path=render_path(item.path),
                    message=item.message,
                    hint=item.hint,
                    line=mark.line if mark else None,
                    column=mark.column if mark else None,
                    severity=item.severity,
                )
            )
        return sorted(placed, key=lambda finding: (finding.line or 0, finding.column or 0, finding.path))


def _later(given: Mapping[str, Any]) -> list[FoundAt]:
    return [
        FoundAt((name,), f"this version does not serve `{name}` yet.", "Leave the section out.", at_key=True)
        for name in given
        if name in LATER_SECTIONS
    ]
