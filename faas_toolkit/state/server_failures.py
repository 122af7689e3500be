"""What a database server's refusals mean, in words of no driver: no address, no statement, no value.

`postgresql.py` and `mysql.py` say which code means which of these.
"""

from collections.abc import Mapping

from faas_toolkit.core.errors import Failure, Internal, Unavailable

_LATER = "Try again in a few seconds."
_GRANTS = "Grant the user all rights on its database (docs/operations.md)."

_MEANINGS: Mapping[str, tuple[str, str, bool]] = {
    "away": ("cannot be reached.", "Check that it runs, and host and port in the setting `database_url`.", True),
    "silent": ("does not answer in time.", _LATER, True),
    "lost": ("ended the connection.", _LATER, True),
    "starting": ("is starting or stopping.", _LATER, True),
    "crowded": ("has no connection left for the toolkit.", "Raise its max_connections, or try again in a few seconds.", True),
    "login": ("refuses the user or the password.", "Correct the setting `database_url`.", False),
    "no database": ("has no such database.", "Create it, or correct the setting `database_url`.", False),
    "rights": ("refuses the user a right that the toolkit needs.", _GRANTS, False),
    "read-only": ("can only be read.", "Name the one that may be written, not a replica, in the setting `database_url`.", True),
    "busy": ("is busy: another call holds what this one needs.", _LATER, True),
    "slow": ("took too long over a statement.", _LATER, True),
    "full": ("cannot store more: its disk or memory is full.", "Free space on the database server.", True),
    "damaged": ("reports damaged data.", "Restore the database from a backup.", False),
    "packet": ("takes no packet of this size.", "Raise max_allowed_packet to 64M on the database server.", False),
    "encoding": ("cannot store every character.", "Create the database with the encoding UTF8 (utf8mb4 in MySQL).", False),
    "binary log": ("keeps a binary log that this needs row by row.", "Set binlog_format=ROW on the database server.", False),
    "no TLS": ("offers no TLS.", "Turn TLS on there; for a private host write sslmode=disable.", False),
    "old TLS": (
        "and the toolkit have no version of TLS in common.",
        "Add ssl_min_protocol_version=TLSv1.2 to the address, if the server knows no newer one.",
        False,
    ),
    "certificate": (
        "shows a certificate that is not for its name, or of no known authority.",
        "Use the name that the certificate is for; an authority of your own the operator names in FAAS_TOOLKIT_DATABASE_CA.",
        False,
    ),
    "refused": ("refuses the connection.", "Look into its log; check the setting `database_url`.", True),
}


def meaning(name: str | None, *, executed: bool = False) -> Failure:
    """The failure of that name; None: a statement of ours was refused.

    Args:
        name: one of the names above.
        executed: whether what was asked may have been done all the same: the connection was lost on its commit.
    """
    if name is None:
        return Internal("The database server refused a statement of the toolkit.")
    what, hint, retryable = _MEANINGS[name]
    return Unavailable(f"The database server {what}", hint=hint, retryable=retryable, not_executed=not executed)
