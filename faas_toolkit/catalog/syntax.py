"""Why a text cannot be read, in words that help more than the parser's own."""

import re

import yaml

from faas_toolkit.catalog.findings import Mark
from faas_toolkit.core.untrusted import printable

ENCODE = "python -m workbench catalog encode FILE"


class SyntaxProblem(Exception):
    """The text cannot be read at all."""

    def __init__(self, message: str, hint: str = "", mark: Mark | None = None) -> None:
        super().__init__(message)
        self.message, self.hint, self.mark = message, hint, mark


def mark_at(text: str, position: int) -> Mark:
    """The line and column of a position."""
    before = text[:position]
    return Mark(before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1)


def explained(text: str, error: yaml.YAMLError) -> SyntaxProblem:
    """The words of libyaml, with what an administrator can do about them."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return SyntaxProblem("it holds a character that YAML does not allow.", "Remove control characters.", _odd_character(text))
    problem = str(getattr(error, "problem", None) or "it cannot be read")
    lines = text.splitlines() or [""]
    line = lines[min(mark.line, len(lines) - 1)]
    place = Mark(mark.line + 1, mark.column + 1)
    if "\t" in line[: mark.column + 1]:
        return SyntaxProblem("a tab stands where YAML wants spaces.", "Indent with two spaces for each level.", place)
    for part, message, hint in _WORDS:
        if part in problem:
            return SyntaxProblem(message or f"{problem}.", hint or bracket_hint(text), place)
    return SyntaxProblem(f"it is not YAML: {printable(problem, 100)}.", bracket_hint(text), place)


def _odd_character(text: str) -> Mark | None:
    for position, character in enumerate(text):
        if not (character.isprintable() or character in "\t\n\r\x85\u2028\u2029"):
            return mark_at(text, position)
    return None


def bracket_hint(text: str) -> str:
    """What to look at where the parser only knows that something is odd."""
    if "\n" not in text.strip() and re.search(r"\s#", text):
        return f"A comment (#) runs to the end of the line, and this text is one line: remove the comments, or run `{ENCODE}`."
    return 'Check brackets, quotes, commas and indentation around this place; quote texts that hold ": ", "#", "{" or "*".'


_WORDS = (
    ("mapping values are not allowed", "a colon stands where no key can be.", ""),
    ("could not find expected ':'", "a key has no colon.", "Write `key: value`, with a space after the colon."),
    ("expected a single document", "it holds more than one document (---).", "Keep one."),
    ("but found another document", "it holds more than one document (---).", "Keep one."),
    ("undefined alias", "an alias (*name) names nothing.", 'Quote a text that starts with *, e.g. "*".'),
    ("while scanning an alias", "an alias (*name) has no name.", 'Quote a text that starts with *, e.g. "*".'),
    (
        "did not find expected alphabetic",
        "an alias (*name) or anchor (&name) has no name.",
        'Quote a text that starts with *, e.g. "*".',
    ),
    ("duplicate anchor", "an anchor (&name) stands twice.", "Give each its own name."),
)
