"""Brings a database to the newest revision; when it is there already, alembic is not even imported."""

from pathlib import Path

from sqlalchemy import Connection, inspect, text  # noqa: TID253 - this module is loaded on first use

from faas_toolkit.core.errors import Unavailable

_HERE = Path(__file__).parent


def head() -> str:
    """The newest revision: the highest number in `versions/` (a test compares it with what alembic says)."""
    return max(file.stem[1:5] for file in (_HERE / "versions").glob("v[0-9]*.py"))


def version_table(connection: Connection) -> str:
    """Where the revision is kept; on a server under our name, since alembic's own may be another program's there."""
    return "alembic_version" if connection.dialect.name == "sqlite" else "faas_toolkit_version"


def current(connection: Connection) -> str | None:
    """The revision of the database; None for one without tables."""
    table = version_table(connection)
    if not inspect(connection).has_table(table):
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()  # noqa: S608 - our own name


def upgrade(connection: Connection) -> None:
    """Runs what is missing, in the caller's transaction, which must already hold the lock for writing.

    Two processes that start at once come here one after the other; the second finds nothing to do. Alembic's context is global
    to the process, so the caller lets one greenlet in at a time. MySQL knows no such transaction: there a step that was cut off
    runs again.

    Raises:
        Unavailable: the database was written by a newer version of the plugin, or holds tables of another program.
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
    _require_own_place(connection)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _require_own_place(connection: Connection) -> None:
    """Refuses a database in which tables of our names are another program's."""
    from faas_toolkit.state.sql import metadata

    present = set(inspect(connection).get_table_names())
    foreign = sorted(present & set(metadata.tables))
    if foreign and version_table(connection) not in present:
        raise Unavailable(
            f"The database holds tables of another program that are named as the toolkit's: {', '.join(foreign[:5])}.",
            hint="Give the toolkit a database of its own, and name it in the setting `database_url`.",
            retryable=False,
            not_executed=True,
        )
