"""The policies' part of the catalog: roles, the caller's own quota, functions around operations, and review."""

import fnmatch
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from faas_toolkit.core.detectors.table import DETECTORS
from faas_toolkit.core.quantity import parse_amount, parse_money
from faas_toolkit.core.untrusted import nearest, printable
from faas_toolkit.net.config import Currency, Duration, Section
from faas_toolkit.pipeline.refusals import compile_pattern

GRANTS = (
    "crm.read",
    "crm.write",
    "knowledge.read",
    "knowledge.write",
    "model.use",
    "function.call",
    "admin.read",
    "admin.write",
)
"""Every grant that a role can hold; those of families that come later are taken and grant nothing yet."""

_ENTITIES = ("person", "company", "deal", "ticket", "activity")
_MAX_LIST = 200


def _known_detector(name: object) -> object:
    if not isinstance(name, str) or name not in DETECTORS:
        close = nearest(str(name), DETECTORS)
        meant = f"did you mean {close}? " if close else ""
        raise ValueError(f"there is no such detector; {meant}The detectors are {', '.join(DETECTORS)}")
    return name


def _known_grant(grant: str) -> str:
    if any(fnmatch.fnmatchcase(known, grant) for known in GRANTS):
        return grant
    close = nearest(grant, GRANTS)
    meant = f"did you mean {close}? " if close else ""
    raise ValueError(f'there is no such grant; {meant}The grants are {", ".join(GRANTS)}, or "*" for all of them')


def _entity_field(name: str) -> str:
    entity, _, field = name.partition(".")
    if entity not in _ENTITIES or not field.isidentifier():
        raise ValueError(f"write entity.field, e.g. person.phone; the entities are {', '.join(_ENTITIES)}")
    return name


CALLER_WORDS = ("$subject", "$tenant", "$groups")
"""What stands in `rows` for something that the caller's identity token says."""

_MAX_CHOICES = 100


def _known_entity(name: str) -> str:
    if name not in _ENTITIES:
        close = nearest(name, _ENTITIES)
        raise ValueError(f"there is no such entity; {f'did you mean {close}? ' if close else ''}They are {', '.join(_ENTITIES)}")
    return name


def _row_values(written: object) -> tuple[object, ...]:
    values = tuple(written) if isinstance(written, (list, tuple)) else (written,)
    if not 1 <= len(values) <= _MAX_CHOICES or not all(isinstance(value, (str, int, float)) for value in values):
        raise ValueError(f"write one value or a list of 1 to {_MAX_CHOICES}: texts, numbers, true, false, or {CALLER_WORDS[0]}")
    for value in values:
        if isinstance(value, str) and value.startswith("$") and value not in CALLER_WORDS:
            raise ValueError(f"{printable(value)} means nothing here; the caller's words are {', '.join(CALLER_WORDS)}")
    return values


type Pattern = Annotated[str, Field(min_length=1, max_length=200)]
type Entity = Annotated[str, AfterValidator(_known_entity)]
type RowValues = Annotated[tuple[bool | int | float | str, ...], BeforeValidator(_row_values)]
type Names = Annotated[tuple[Pattern, ...], Field(max_length=_MAX_LIST)]
type Detector = Annotated[str, BeforeValidator(_known_detector)]
type ShownAs = Literal["keep", "partial", "token", "drop"]


class CrmRights(Section):
    """What a role sees of the CRM."""

    sources: Names | None = None
    """Names or globs; absent: none, or all where the role is allowed `*`."""
    hide: Annotated[tuple[Annotated[Pattern, AfterValidator(_entity_field)], ...], Field(max_length=_MAX_LIST)] = ()
    """Fields this role never sees, as `entity.field`."""
    rows: dict[Entity, Annotated[dict[Pattern, RowValues], Field(min_length=1, max_length=20)]] = Field(default_factory=dict)
    """Records this role sees, by entity: each field named must hold the value, or one of the values. Other entities: all."""


class RoleConfig(Section):
    """What the callers of one role may do. What is not named is denied."""

    allow: Annotated[tuple[Annotated[Pattern, AfterValidator(_known_grant)], ...], Field(max_length=_MAX_LIST)] = ()
    """Grants or globs over them, e.g. `crm.read`, `crm.*`, `*`."""
    functions: Names | None = None
    """Names or globs of functions; one with effects needs its exact name. Absent: none, or all where `*` is allowed."""
    models: Names | None = None
    """Names or globs of pools; absent: all, since `model.use` alone opens nothing else."""
    knowledge: Names | None = None
    """Names or globs of knowledge bases; absent: none, or all where `*` is allowed."""
    crm: CrmRights = Field(default_factory=CrmRights)
    mask: dict[Detector, ShownAs] = Field(default_factory=dict)
    """How personal data of each detector is shown to this role."""

    def names(self, family: Literal["crm", "knowledge", "functions"]) -> tuple[str, ...]:
        """Names or globs of a family that this role may know: those listed, else all where `*` is allowed, else none."""
        listed = {"crm": self.crm.sources, "knowledge": self.knowledge, "functions": self.functions}[family]
        if listed is not None:
            return listed
        return ("*",) if "*" in self.allow else ()

    def sources(self) -> Mapping[str, tuple[str, ...]]:
        """The names of every family, as `core.call.Scope.sources` takes them."""
        families = {"crm": self.names("crm"), "knowledge": self.names("knowledge"), "functions": self.names("functions")}
        return {**families, "models": ("*",) if self.models is None else self.models}


def _window(seconds: float | None) -> float | None:
    if seconds is not None and not 1 <= seconds <= 31 * 86400:
        raise ValueError("a quota's period lies between 1s and 31d, e.g. 60s")
    return seconds


class QuotaConfig(Section):
    """One line of a caller's own quota: in any rolling `per` never more than `limit` of `of`."""

    of: Literal["requests", "tokens", "cost", "concurrency"] = "requests"
    limit: int
    """Of cost: in millionths of the currency; written in whole units."""
    currency: Currency | None = None
    """Of cost."""
    per: Annotated[Duration | None, AfterValidator(_window)] = None
    """Seconds."""
    by: Annotated[tuple[Literal["user", "role", "app", "workspace", "model"], ...], Field(min_length=1, max_length=5)] = ("user",)
    """Whose quota it is; several together count each combination on its own. `model` is the deployment that is asked."""

    @field_validator("limit", mode="before")
    @classmethod
    def _in_its_unit(cls, value: object, info: ValidationInfo) -> int:
        return parse_money(value) if info.data.get("of") == "cost" else parse_amount(value)

    @model_validator(mode="after")
    def _has_what_its_measure_needs(self) -> Self:
        if self.of == "concurrency" and self.per is not None:
            raise ValueError("concurrency counts the calls in flight, without per; leave it out: {of: concurrency, limit: 3}")
        if self.of != "concurrency" and self.per is None:
            raise ValueError(f"a quota of {self.of} needs per; write e.g. {{of: requests, limit: 200, per: 60s}}")
        if (self.of == "cost") != (self.currency is not None):
            raise ValueError(
                "a quota of cost needs its currency, and no other has one, e.g. {of: cost, limit: 50, currency: CNY, per: 1d}"
            )
        return self

    @model_validator(mode="after")
    def _names_each_once(self) -> Self:
        if len(set(self.by)) != len(self.by):
            raise ValueError("`by` names something twice; each of user, role, app, workspace, model stands once")
        return self


class OperationConfig(Section):
    """The functions before and after one operation."""

    before: Annotated[str, Field(min_length=1)] | None = None
    """May refuse or rewrite; its refusal is the answer."""
    after: Annotated[str, Field(min_length=1)] | None = None
    """May add to the result."""

    @model_validator(mode="after")
    def _names_a_function(self) -> Self:
        if self.before is None and self.after is None:
            raise ValueError("no function is named; write before or after with a function's name, e.g. {before: check_policy}")
        return self


def _linear_pattern(pattern: str) -> str:
    compile_pattern(pattern)  # a pattern of a catalog must not stall the one thread
    return pattern


_MAX_WORD_CHARS = 200


def _word_lines(words: object) -> object:
    """One word or phrase on each line. A list may have a hundred thousand, so it stays one text until it is used."""
    if isinstance(words, str):
        words = words.replace(",", "\n")
    elif isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words):
        words = "\n".join(" ".join(word.split()) for word in words)
    else:
        raise ValueError('words are a list of texts, or one text with commas or line breaks between them, e.g. ["project-x"]')
    if not words.strip():
        raise ValueError('this list is empty; write at least one word, e.g. ["project-x"]')
    if _has_long_line(words):
        raise ValueError(f"a word or phrase has at most {_MAX_WORD_CHARS} characters; commas or line breaks part them")
    return words


def _has_long_line(text: str) -> bool:
    start = 0
    while len(text) - start > _MAX_WORD_CHARS:  # from one line's end to the last that is near enough: a list has many lines
        end = text.rfind("\n", start, start + _MAX_WORD_CHARS + 1)
        if end < 0:
            return True
        start = end + 1
    return False


class RefuseRule(Section):
    """What must not come in: one pattern, or a list of words."""

    pattern: Annotated[str, Field(min_length=1, max_length=1_000), AfterValidator(_linear_pattern)] | None = None
    """RE2 syntax, searched anywhere in the text."""
    words: Annotated[str, BeforeValidator(_word_lines)] | None = None
    """A list, or one text with commas or line breaks between the words, of any length; kept as one text, a word on each line."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.pattern is None) == (self.words is None):
            raise ValueError('a rule holds either pattern or words, e.g. {pattern: "(?i)ignore all previous"}')
        return self


class ReviewConfig(Section):
    """What is looked for in what comes in and in what goes out."""

    refuse: Annotated[tuple[RefuseRule, ...], Field(max_length=_MAX_LIST)] = ()
    detect: Annotated[tuple[Detector, ...], Field(max_length=20)] = ()
    """Detectors of personal data; what each role is shown of them is in its `mask`."""
    mark_instructions: bool = True
    """Whether texts that others wrote are marked where they look like instructions to a model."""
