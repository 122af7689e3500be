"""What in an audit row says who it was and what they said: sealed with a key of that person, so that it can be erased.

The rest of the row stays readable, and the chain covers the sealed text: it holds after the person's key was destroyed as before.
Loaded on first use.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.canonical import canonical_json
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.cipher import KEY_HEADER_BYTES, Cipher, Keyring
from faas_toolkit.state.data_keys import DataKeys

PERSONAL = ("subject", "user", "arguments", "decisions")
"""The fields of a row that are sealed. `subject` itself then holds the person's blind name, by which rows are found."""
SEALED = "personal"
"""The field that holds them, sealed, as base64."""
ERASED = "erased"
"""The field that an opened row has, true, in place of what cannot be opened any more."""
OWNER = "person:"
"""How the owners of persons' keys begin; the subject follows."""
_DAY = 86_400.0


class PersonalParts:
    """Seals and opens the personal part of rows.

    Args:
        keys: of persons, by their subjects.
        clock: tells the day.
        keep: seconds that rows are kept; a key goes when the last row must have gone.
    """

    def __init__(self, *, keys: DataKeys, clock: Clock, keep: float) -> None:
        self._keys = keys
        self._clock = clock
        self._keep = keep
        self._keyring = Keyring("audit person")
        self._swept: dict[str, float] = {}

    def beside(self, keys: DataKeys) -> "PersonalParts":
        """The same for rows that lie beside other keys."""
        return self if keys is self._keys else PersonalParts(keys=keys, clock=self._clock, keep=self._keep)

    def name_of(self, workspace: Workspace, subject: str) -> str:
        """What `subject` of a person's rows holds."""
        return self._keys.name(workspace, owner_of(subject))

    def prepare(self, workspace: Workspace, subject: str) -> None:
        """Has the person's key at hand for a row that must not wait for it; never fails."""
        try:
            self._keys.get(workspace, owner_of(subject))
        except Unavailable:
            return
        self._sweep(workspace)

    def seal(self, workspace: Workspace, row: Mapping[str, object], *, wait: bool = True) -> dict[str, object]:
        """The row with its personal part sealed; raises ValueError where that holds what JSON cannot say.

        Where the person's key cannot be had (the database is away, or nothing may wait), the workspace's own key seals instead:
        nothing of the row is lost, and what of it can be erased is told by the report.
        """
        subject = str(row["subject"])
        if wait:
            self.prepare(workspace, subject)
        personal = {name: row[name] for name in PERSONAL if name in row}
        key = self._keys.remembered(workspace, owner_of(subject))
        sealed = self._cipher(workspace, key).seal(_name(row), canonical_json(personal).encode("utf-8", "surrogatepass"))
        left = {name: value for name, value in row.items() if name not in personal}
        return {**left, "subject": self.name_of(workspace, subject), SEALED: base64.b64encode(sealed).decode()}

    def open(self, workspace: Workspace, rows: Iterable[Mapping[str, object]]) -> list[dict[str, object]]:
        """The rows with their personal part; where a person was erased, `erased` stands in its place. Raises `Unavailable`."""
        rows = list(rows)
        keys = self._keys.find(workspace, {str(row["subject"]) for row in rows if SEALED in row})
        return [self._opened(workspace, row, keys.get(str(row["subject"]))) for row in rows]

    def outlives_key(self, workspace: Workspace, row: Mapping[str, object]) -> bool:
        """Whether the row's personal part was sealed with the workspace's key, so that no person's key erases it."""
        header = _decoded(row.get(SEALED))[:KEY_HEADER_BYTES]
        return self._cipher(workspace, None).key_of(header) is not None

    def _opened(self, workspace: Workspace, row: Mapping[str, object], key: bytes | None) -> dict[str, object]:
        if SEALED not in row:
            return dict(row)
        left = {name: value for name, value in row.items() if name != SEALED}
        for cipher in (self._cipher(workspace, key), self._cipher(workspace, None)):
            plain = cipher.open(_name(row), _decoded(row[SEALED]))
            if plain is not None:
                return {**left, **json.loads(plain)}
        return left | {ERASED: True}

    def _cipher(self, workspace: Workspace, key: bytes | None) -> Cipher:
        return self._keyring.cipher(workspace if key is None else Workspace(workspace.id, key))

    def _sweep(self, workspace: Workspace) -> None:
        """Once a day: keys of persons who have no row any more go, and their subjects with them."""
        now = self._clock.epoch()
        if now >= self._swept.get(workspace.id, 0.0):
            self._swept[workspace.id] = now + _DAY
            self._keys.drop_unused(workspace, now - self._keep - 2 * _DAY)


def owner_of(subject: str) -> str:
    """Whose key seals the rows of a subject."""
    return OWNER + subject


def _name(row: Mapping[str, object]) -> str:
    """A sealed part belongs to its request: moved into another row it does not open."""
    return f"request {row.get('request')}"


def _decoded(sealed: object) -> bytes:
    try:
        return base64.b64decode(str(sealed), validate=True)
    except (binascii.Error, ValueError):
        return b""
