"""Keys that are destroyed to erase what was sealed with them: one for each person, one for a workspace's cache.

A key is random and kept wrapped with the workspace's key. Once it is destroyed, nobody opens what it sealed, wherever a copy of
that lies, not even who holds the workspace's key. Loaded on first use.
"""

import logging
import os
from collections import Counter
from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from cachetools import LRUCache
from sqlalchemy import (  # noqa: TID253 - this module is loaded on first use
    ColumnElement,
    Connection,
    LargeBinary,
    and_,
    delete,
    func,
    insert,
    literal_column,
    select,
    true,
    update,
)
from sqlalchemy.exc import IntegrityError  # noqa: TID253 - same

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import Clock
from faas_toolkit.core.errors import Failure, Unavailable
from faas_toolkit.core.immutable import immutable
from faas_toolkit.core.offload import Offload
from faas_toolkit.state.cipher import KEY_HEADER_BYTES, Cipher, Keyring
from faas_toolkit.state.data_keys_table import data_keys
from faas_toolkit.state.sql import Database

REMEMBERED_SECONDS = 60.0
"""How long a process goes on with a key that another one may have destroyed meanwhile."""
KEY_BYTES = 32
_REMEMBERED = 4_096
_REST_SECONDS = 5.0
_DAY = 86_400.0
_BATCH = 400
_log = logging.getLogger("faas_toolkit.keys")


@immutable
class _Known:
    key: bytes
    until: float
    """On the monotonic clock."""


class DataKeys:
    """The keys of all workspaces of one database. Used on the hub.

    Args:
        database: where they are kept, wrapped.
        clock: for stamps.
        offload: seals them anew in the background when the workspace's key was exchanged.
    """

    def __init__(self, *, database: Database, clock: Clock, offload: Offload) -> None:
        self._database = database
        self._clock = clock
        self._offload = offload
        self._keyring = Keyring("data keys")
        self._known: LRUCache[tuple[str, str], _Known] = LRUCache(_REMEMBERED)
        self._away_until = 0.0
        self._renewed: LRUCache[Workspace, bool] = LRUCache(256)

    def name(self, workspace: Workspace, owner: str) -> str:
        """The owner's blind name: 64 hexadecimal digits."""
        return self._keyring.cipher(workspace).blind(owner)

    def remembered(self, workspace: Workspace, owner: str) -> bytes | None:
        """The owner's key, where this process has it at hand; waits for nothing."""
        known = self._known.get((workspace.id, owner))
        return known.key if known is not None and known.until > self._clock.monotonic() else None

    def get(self, workspace: Workspace, owner: str, *, replace_lost: bool = False) -> bytes:
        """The owner's key (32 bytes), made where there is none.

        Args:
            workspace: whose.
            owner: what the key is for.
            replace_lost: take a new key where the old one cannot be unwrapped, since nothing is lost by it.

        Raises:
            Unavailable: the database is away and the key is not at hand, or the key was wrapped with one that no setting holds.
        """
        self._renew_in_background(workspace)
        key = self.remembered(workspace, owner)
        if key is not None:
            return key
        key = self._looked_up(workspace, owner, replace_lost=replace_lost)
        if key is None:
            raise Unavailable(
                "A key of this workspace is wrapped with an encryption key that is in no setting any more.",
                hint="Add the former key to the setting `encryption_key` again, after the new one: new:…,old:…",
                retryable=False,
            )
        self._known[workspace.id, owner] = _Known(key, self._clock.monotonic() + REMEMBERED_SECONDS)
        return key

    def find(self, workspace: Workspace, names: Collection[str]) -> dict[str, bytes]:
        """The keys of these blind names; those that were destroyed, or do not unwrap, are left out."""
        wanted = sorted(set(names))
        found: dict[str, bytes] = {}
        for start in range(0, len(wanted), _BATCH):
            chosen = data_keys.c.name.in_(wanted[start : start + _BATCH])
            found |= {name: key for name, (key, _) in self._unwrapped(workspace, chosen)}
        return found

    def owners(self, workspace: Workspace) -> dict[str, str]:
        """Whose keys there are, by blind name."""
        return {name: owner for name, (_, owner) in self._unwrapped(workspace, true())}

    def undestroyed(self, workspace: Workspace, names: Collection[str]) -> set[str]:
        """Those of the blind names that have a key, also one that cannot be unwrapped now."""
        these = select(data_keys.c.name).where(
            _of(workspace), data_keys.c.name.in_(sorted(names)), data_keys.c.wrapped.is_not(None)
        )
        return self._database.read(lambda connection: set(connection.execute(these).scalars()))

    def destroy(self, workspace: Workspace, names: Collection[str]) -> int:
        """Destroys the keys of these blind names; how many there were. The owner's next use makes a new one."""
        values = {"wrapped": None, "destroyed": self._clock.epoch()}
        these = _of(workspace) & data_keys.c.name.in_(sorted(names)) & data_keys.c.wrapped.is_not(None)
        statement = update(data_keys).where(these).values(values)
        destroyed = self._database.write(lambda connection: connection.execute(statement).rowcount)
        for place in [place for place in self._known if place[0] == workspace.id and self.name(workspace, place[1]) in names]:
            del self._known[place]
        return destroyed

    def drop_unused(self, workspace: Workspace, before: float) -> None:
        """Removes what was not used since then (seconds of the epoch): nothing that it sealed is kept any more."""
        statement = delete(data_keys).where(_of(workspace), data_keys.c.used < before)
        self._database.write(lambda connection: connection.execute(statement).rowcount)

    def sealed_with(self, workspace: Workspace) -> Counter[str | None]:
        """How many keys are wrapped with which key of the workspace, by its id; None: with one that no setting holds."""
        return count_by_key(self._database, self._keyring.cipher(workspace), data_keys.c.wrapped, _of(workspace))

    def renew(self, workspace: Workspace) -> int:
        """Wraps every key with the workspace's key of now; how many were wrapped with an older one."""
        cipher, renewed, after = self._keyring.cipher(workspace), 0, ""
        while True:
            batch = self._after(workspace, after)
            if not batch:
                return renewed
            after = batch[-1][0]
            older = [(name, wrapped) for name, wrapped in batch if not cipher.is_current(wrapped)]
            if older:
                renewed += self._database.write(partial(_rewrap, workspace=workspace, cipher=cipher, older=older))

    def _looked_up(self, workspace: Workspace, owner: str, *, replace_lost: bool) -> bytes | None:
        """From the database; while that is away, what was known last, and it is not asked by every call."""
        stale = self._known.get((workspace.id, owner))
        if self._clock.monotonic() < self._away_until:
            if stale is not None:
                return stale.key
            raise Unavailable("The keys of persons cannot be read just now.", hint="Try again in a few seconds.")
        try:
            return self._read_or_make(workspace, owner, replace_lost=replace_lost)
        except Unavailable:
            self._away_until = self._clock.monotonic() + _REST_SECONDS
            if stale is None:
                raise
            return stale.key

    def _after(self, workspace: Workspace, after: str) -> list[tuple[str, bytes]]:
        page = (
            select(data_keys.c.name, data_keys.c.wrapped)
            .where(_of(workspace), data_keys.c.name > after, data_keys.c.wrapped.is_not(None))
            .order_by(data_keys.c.name)
            .limit(_BATCH)
        )
        return self._database.read(lambda connection: [(row.name, row.wrapped) for row in connection.execute(page)])

    def _renew_in_background(self, workspace: Workspace) -> None:
        if workspace.older and workspace not in self._renewed and self._clock.monotonic() >= self._away_until:
            self._renewed[workspace] = True
            self._offload.spawn(lambda: self._renew_or_tell(workspace))

    def _renew_or_tell(self, workspace: Workspace) -> None:
        try:
            renewed = self.renew(workspace)
        except Failure as failure:
            self._renewed.pop(workspace, None)
            self._away_until = self._clock.monotonic() + _REST_SECONDS
            _log.warning("Keys could not be wrapped with the new encryption key yet: %s", failure.as_text())
        else:
            if renewed:
                _log.info("%d keys were wrapped with the encryption key %s.", renewed, workspace.key_id)

    def _read_or_make(self, workspace: Workspace, owner: str, *, replace_lost: bool) -> bytes | None:
        cipher = self._keyring.cipher(workspace)
        name = cipher.blind(owner)
        row = self._database.read(lambda connection: _row(connection, workspace, name))
        now = self._clock.epoch()
        if row is not None and row.used > now - _DAY and row.wrapped is not None and cipher.is_current(row.wrapped):
            plain = cipher.open(name, row.wrapped)
            if plain is not None:
                return plain[:KEY_BYTES]

        def work(connection: Connection) -> bytes | None:
            return _claim(connection, workspace, cipher, owner, now=now, replace_lost=replace_lost)

        try:
            return self._database.write(work)
        except IntegrityError:  # another process was faster, in a database that lets two write at once
            return self._database.write(work)

    def _unwrapped(self, workspace: Workspace, chosen: ColumnElement[bool]) -> Iterator[tuple[str, tuple[bytes, str]]]:
        cipher = self._keyring.cipher(workspace)
        statement = select(data_keys.c.name, data_keys.c.wrapped).where(_of(workspace), data_keys.c.wrapped.is_not(None), chosen)
        for name, wrapped in self._database.read(lambda connection: connection.execute(statement).all()):
            plain = cipher.open(name, wrapped)
            if plain is not None:
                yield name, (plain[:KEY_BYTES], plain[KEY_BYTES:].decode("utf-8", "surrogatepass"))


def count_by_key(
    database: Database, cipher: Cipher, column: ColumnElement[Any], where: ColumnElement[bool]
) -> Counter[str | None]:
    """How many envelopes of a column name which key of the cipher, by its id; None: one that it does not hold."""
    # No bound numbers: PostgreSQL would not see that both texts are the same expression.
    header = func.substr(column, literal_column("1"), literal_column(str(KEY_HEADER_BYTES)), type_=LargeBinary)
    counted = select(header, func.count()).where(where, column.is_not(None)).group_by(header)
    found: Counter[str | None] = Counter()
    for begins, number in database.read(lambda connection: connection.execute(counted).all()):
        found[cipher.key_of(bytes(begins))] += number
    return found


def _of(workspace: Workspace) -> ColumnElement[bool]:
    return data_keys.c.workspace == workspace.id


def _row(connection: Connection, workspace: Workspace, name: str) -> Any:  # noqa: ANN401 - a row
    columns = select(data_keys.c.wrapped, data_keys.c.used)
    return connection.execute(columns.where(_of(workspace), data_keys.c.name == name)).one_or_none()


def _claim(
    connection: Connection, workspace: Workspace, cipher: Cipher, owner: str, *, now: float, replace_lost: bool
) -> bytes | None:
    """The key of the owner, marked as used; made where there is none. None where it is lost."""
    name = cipher.blind(owner)
    row = _row(connection, workspace, name)
    wrapped = row.wrapped if row is not None else None
    plain = cipher.open(name, wrapped) if wrapped is not None else None
    if wrapped is not None and plain is None and not replace_lost:
        return None
    values: dict[str, object] = {"used": now}
    if plain is None:
        plain = os.urandom(KEY_BYTES) + owner.encode("utf-8", "surrogatepass")
        values |= {"created": now, "wrapped": cipher.seal(name, plain)}
    elif wrapped is not None and not cipher.is_current(wrapped):
        values["wrapped"] = cipher.seal(name, plain)
    if row is None:
        connection.execute(insert(data_keys), {"workspace": workspace.id, "name": name, **values})
    else:
        connection.execute(update(data_keys).where(_of(workspace), data_keys.c.name == name).values(values))
    return plain[:KEY_BYTES]


def _rewrap(connection: Connection, *, workspace: Workspace, cipher: Cipher, older: Collection[tuple[str, bytes]]) -> int:
    """Only what still stands there is replaced: a key that was destroyed meanwhile must not come back."""
    renewed = 0
    for name, wrapped in older:
        plain = cipher.open(name, wrapped)
        if plain is not None:
            this = and_(_of(workspace), data_keys.c.name == name, data_keys.c.wrapped == wrapped)
            renewed += connection.execute(update(data_keys).where(this).values(wrapped=cipher.seal(name, plain))).rowcount
    return renewed
