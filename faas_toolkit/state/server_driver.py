"""What the server form of the store asks of a driver; `postgresql.py` and `mysql.py` are the two."""

from collections.abc import Callable
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, Engine  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.immutable import immutable
from faas_toolkit.state.server_address import ServerAddress

PATIENCE = 15.0
"""Seconds that the process waits for a statement. Only a server that hangs is met by it: its own bound is a third less."""

MIGRATION_PATIENCE = 120.0

type Kind = Literal["read", "write"]


@immutable(kw_only=True)
class Way:
    """To where a connection is opened."""

    address: ServerAddress
    ip: str
    """A checked address of its host; the certificate has to be for the name all the same."""
    encrypted: bool
    authorities: str
    """The file of the authorities that are believed."""
    patience: float = PATIENCE


class Driver(Protocol):
    """One kind of server. `raw` is the driver's own connection, which commits each statement until a transaction begins."""

    errors: tuple[type[Exception], ...]
    """What statements fail with."""

    def engine(self, connect: Callable[[], Any]) -> Engine:
        """An engine that keeps no connection and opens one by calling `connect`."""
        ...

    def connect(self, way: Way) -> Any:  # noqa: ANN401 - the driver's
        """An open connection whose statements the server itself ends in time; raises one of `errors`, or an OSError."""
        ...

    def begin(self, raw: Any, kind: Kind) -> None:  # noqa: ANN401 - same
        """Begins a transaction: one consistent view to read, or one that sees what others have committed to write."""
        ...

    def require_committable(self, raw: Any) -> None:  # noqa: ANN401 - same
        """Raises `Internal` where a commit would silently keep nothing."""
        ...

    def answers(self, raw: Any, patience: float) -> bool:  # noqa: ANN401 - same
        """Whether the connection still stands; waits for `patience` seconds at most."""
        ...

    def is_open(self, raw: Any) -> bool:  # noqa: ANN401 - same
        """Whether the driver has noticed no end of the connection."""
        ...

    def drop(self, raw: Any) -> None:  # noqa: ANN401 - same
        """Closes the connection without waiting for the server."""
        ...

    def explain(self, error: Exception) -> str | None:
        """Which of `server_failures` an error means; None where it is a fault of ours."""
        ...

    def may_repeat(self, error: Exception) -> bool:
        """Whether the same transaction may succeed at once: a deadlock, or a row of that key that another node made first."""
        ...

    def migrate(self, connection: Connection, upgrade: Callable[[Connection], None]) -> None:
        """Runs `upgrade` alone among all processes; in one transaction, where the server can."""
        ...

    def version(self, connection: Connection) -> str:
        """The product and its version."""
        ...
