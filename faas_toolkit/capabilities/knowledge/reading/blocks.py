"""Regular expressions over texts of megabytes, block by block: one call holds the interpreter's lock as long as it takes.

The hub's thread gets its turn between two blocks (design.md §3.1); a call over five megabytes takes up to a second (measured).
"""

import re
from collections.abc import Iterator

BLOCK = 1 << 16


def substituted(pattern: re.Pattern[str], replacement: str, text: str) -> str:
    """As `pattern.sub`, but that what would fit across the border of two blocks is seen in each of them alone."""
    if len(text) <= BLOCK:
        return pattern.sub(replacement, text)
    return "".join(pattern.sub(replacement, text[at : at + BLOCK]) for at in range(0, len(text), BLOCK))


def searched(pattern: re.Pattern[str], text: str, position: int, longest: int) -> re.Match[str] | None:
    """As `pattern.search`, for a pattern that looks at no more than `longest` characters."""
    for at in range(position, len(text), BLOCK):
        found = pattern.search(text, at, at + BLOCK + longest)
        if found is not None:
            return found
    return None


def ends(pattern: re.Pattern[str], text: str) -> Iterator[int]:
    """Where the matches end, for a pattern that may as well match the part of it that stands before a block's border."""
    for at in range(0, len(text), BLOCK):
        yield from (match.end() for match in pattern.finditer(text, at, at + BLOCK))


def blocks_before(mark: str, text: str) -> Iterator[str]:
    """The text in blocks that end before a mark, or anywhere where there is none for a whole block."""
    position = 0
    while position < len(text):
        end = position + BLOCK
        if end < len(text):
            found = text.rfind(mark, position + 1, end)
            end = found if found > 0 else end
        yield text[position:end]
        position = end
