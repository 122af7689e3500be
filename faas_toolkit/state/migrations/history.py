"""Brings a database to the newest revision; when it is there already, alembic is not even imported."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.errors import Unavailable

_HERE = Path(__file__).parent


def head() -> str:
    """The newest revision: the highest number in `versions/` (a test compares it with what alembic says)."""
    return max(file.stem[1:5] for file in (_HERE / "versions").glob("v[0-9]*.py"))


def current(connection: Connection) -> str | None:
    """The revision of the database; None for one without tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection) -> None:
    """Runs what is missing, in the caller's transaction, which must already hold the lock for writing.

    Two processes that start at once come here one after the other; the second finds nothing to do. Alembic's context is global
    to the process, so the caller lets one greenlet in at a time.

    Raises:
        Unavailable: the database was written by a newer version of the plugin.
    """
    found, newest = current(connection), head()
    if found == newest:
        return
    if found is not None and found > newest:
        raise Unavailable(
            f"The data store has revision {found}; this version of the plugin knows revisions up to {newest}.",
            hint="Install the newer version of the plugin again, or give it another data directory.",
            retryable=False,
        )
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
