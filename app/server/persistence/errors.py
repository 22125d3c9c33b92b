"""A database that cannot be asked or cannot write, as one error, whatever the driver calls it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import InterfaceError as DriverError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.errors import Unreachable
from app.server import log
from app.server.log import database_code

# Seconds after which a client may as well try again.
RETRY_AFTER = 5
# SQLite's name and PostgreSQL's SQLSTATE (class 53) for the same thing.
_FULL = frozenset({"SQLITE_FULL", "53100"})
# What SQLite says of a file that may not be written, or no further (a quota, a file system gone read-only).
_UNWRITABLE = ("SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", "SQLITE_IOERR_TRUNCATE", "SQLITE_READONLY")
# A statement that makes no sense, which SQLite reports like trouble.
_MISTAKE = "SQLITE_ERROR"
# Two transactions that could not both go on; PostgreSQL ended this one (class 40).
_CONFLICTS = frozenset({"40001", "40P01"})
# A right that the role in the URL does not have (PostgreSQL, class 42).
NOT_ALLOWED = "42501"
# A standby that took over, or is about to (PostgreSQL, class 25).
_READ_ONLY = "25006"
_HINT = "try again in a moment"


class NoDatabase(Unreachable):
    """The database does not answer or cannot write.

    Nothing was changed. Only when the connection broke during the commit itself nobody can tell: then all of
    it was changed, or nothing.
    """


class NotWritable(NoDatabase):
    """Nothing can be written at all; reads still work."""


class TooManyWriters(NoDatabase):
    """So many are changing something that this one was not begun."""

    def __init__(self) -> None:
        super().__init__("the server is busy with other changes", hint=_HINT)


class Conflict(NoDatabase):
    """The transaction was ended for the sake of another one. Nothing was changed; it may be tried again."""


@contextmanager
def database_errors() -> Iterator[None]:
    """Log trouble with the database and raise it as NoDatabase; a mistake of ours passes as it is."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        code = code_of(error)
        if not _is_trouble(error, code):
            raise
        if code in _CONFLICTS:
            raise Conflict("another change of the same rows came first", hint=_HINT) from error
        log.failure("database.unavailable", error)
        if code in _FULL:
            raise NotWritable("the disk of the database is full", hint=_HINT) from error
        if code == _READ_ONLY or code.startswith(_UNWRITABLE):
            raise NotWritable("the database cannot be used", hint=_HINT) from error
        raise NoDatabase("the database cannot be used", hint=_HINT) from error


def _is_trouble(error: DBAPIError | PoolTimeout, code: str) -> bool:
    if isinstance(error, PoolTimeout):
        return True
    unusable = error.connection_invalidated or isinstance(error, OperationalError | DriverError)
    return (unusable and code != _MISTAKE) or code == _READ_ONLY


def code_of(error: DBAPIError | PoolTimeout) -> str:
    """What the database calls it: a name of SQLite's or an SQLSTATE, empty when it said nothing."""
    sqlstate, sqlite_error = database_code(error.orig if isinstance(error, DBAPIError) else None)
    return sqlstate or sqlite_error
