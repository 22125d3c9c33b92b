"""What a person chose in the app, kept in config.toml beside what they wrote there by hand."""

import asyncio
import re
import tomllib
from pathlib import Path

from app.adapters.storage.files import exclusive, newline_of, read_text, replace
from app.domain.errors import Failed, UsageError


class TomlPreferences:
    """Changes one top-level line of config.toml and leaves every other character as it was."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def remember(self, name: str, value: str) -> None:
        """Set `name` to `value`; raise Failed when the file cannot be read or written."""
        await asyncio.to_thread(self._set, name, value)

    def _set(self, name: str, value: str) -> None:
        with exclusive(self._path):
            text = _read(self._path)
            changed = with_line(text, name, value)
            if not _only_changes(text, changed, name, value):
                raise Failed(
                    f"{self._path} cannot be changed safely", hint=f"write {name} = {value!r} into it by hand"
                )
            replace(self._path, changed.encode())


def _read(path: Path) -> str:
    try:
        return read_text(path)
    except UsageError as error:
        raise Failed(error.message, hint=error.hint) from None


def _only_changes(before: str, after: str, name: str, value: str) -> bool:
    """A file that is not ours to understand is not touched."""
    try:
        return tomllib.loads(after) == {**tomllib.loads(before), name: value}
    except ValueError:
        return False


def with_line(text: str, name: str, value: str) -> str:
    """Return the TOML `text` with the top-level `name` set to `value`."""
    import tomli_w

    line, end = tomli_w.dumps({name: value}).rstrip("\n"), newline_of(text)
    table = re.search(r"^\s*\[", text, re.MULTILINE)
    top, rest = (text[: table.start()], text[table.start() :]) if table else (text, "")
    old = re.compile(rf"^{re.escape(name)}[ \t]*=[^\r\n]*", re.MULTILINE)
    if old.search(top):
        return old.sub(lambda _: line, top, count=1) + rest
    gap = "" if not top or top.endswith("\n") else end
    return f"{top}{gap}{line}{end}{rest}"
