"""What the log says of an exception: its type, where it passed through this program, codes of the database.

Never its text, and no variable: both may hold what somebody sent.
"""

import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import app

_PROGRAM = Path(app.__file__).resolve().parent
_ROOT = _PROGRAM.parent
_MOST_FRAMES, _MOST_CAUSES = 12, 4
# SQLite tells the constraint in its text alone. What matches are names of tables, columns and indexes.
_SQLITE_CONSTRAINT = re.compile(r"([A-Z ]{2,20}) constraint failed(?:: (?:index )?'?([\w., ]{1,200})'?)?")


def report(error: BaseException) -> dict[str, object]:
    """Fields for the log: `error` and its `cause`s by type, `at` our innermost frames, the last first.

    From a database: `sqlstate` (PostgreSQL) or `sqlite_error`, and the `constraint` that refused.
    """
    chain = list(_chain(error))
    fields: dict[str, object] = {"error": _type_name(error)}
    if len(chain) > 1:
        fields["cause"] = [_type_name(cause) for cause in chain[1:]]
    fields["at"] = _frames(chain)
    for cause in chain:
        if found := _of_database(cause):
            return fields | found
    return fields


def database_code(error: object) -> tuple[str, str]:
    """The SQLSTATE of a driver's exception and SQLite's name for it; empty for what it does not have."""
    return getattr(error, "sqlstate", None) or "", getattr(error, "sqlite_errorname", None) or ""


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(_MOST_CAUSES):
        if error is None:
            return
        yield error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _frames(chain: list[BaseException]) -> list[str]:
    frames = [frame for error in chain for frame in _own_frames(error.__traceback__)]
    return list(dict.fromkeys(reversed(frames)))[:_MOST_FRAMES]


def _own_frames(start: TracebackType | None) -> Iterator[str]:
    for frame, line in traceback.walk_tb(start):
        place = Path(frame.f_code.co_filename)
        if place.is_relative_to(_PROGRAM):
            yield f"{place.relative_to(_ROOT).as_posix()}:{line} {frame.f_code.co_name}"


def _of_database(error: BaseException) -> dict[str, str]:
    sqlstate, sqlite_error = database_code(error)
    if sqlstate:
        name: str | None = getattr(getattr(error, "diag", None), "constraint_name", None)
        return {"sqlstate": sqlstate} | ({"constraint": name} if name else {})
    if sqlite_error:
        match = _SQLITE_CONSTRAINT.fullmatch(str(error))
        constraint = ": ".join(part for part in match.groups() if part) if match else ""
        return {"sqlite_error": sqlite_error} | ({"constraint": constraint} if constraint else {})
    return {}
