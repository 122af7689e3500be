"""A script as Redis runs it."""

import hashlib
from functools import cached_property

from faas_toolkit.core.immutable import immutable


@immutable(slots=False)
class Script:
    """A text in Redis' Lua, named by what it says: a changed text is another script, so versions never mix."""

    text: str

    @cached_property
    def sha1(self) -> str:
        """The name under which Redis knows it; no secret depends on it."""
        return hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()
