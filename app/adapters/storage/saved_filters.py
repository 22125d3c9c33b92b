"""Filters that a person saved by name, in the table [filters] of config.toml."""

import asyncio
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from app.adapters.storage.files import exclusive, newline_of, read_text, replace
from app.domain.errors import Failed, UsageError

_TABLE = re.compile(r"^\[filters\][ \t]*(?:#[^\r\n]*)?(?:\r?\n|\Z)", re.MULTILINE)


class TomlFilters:
    """Changes one line of the table and leaves every other character of the file as it was."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def all(self) -> Mapping[str, str]:
        """Name → filter, in the order of the file; raise Failed when it cannot be read."""
        return await asyncio.to_thread(lambda: _filters(self._read()))

    async def save(self, name: str, text: str) -> None:
        """Keep `text` under `name`, in the place of an earlier one; raise Failed."""
        await asyncio.to_thread(self._change, name, text)

    async def delete(self, name: str) -> None:
        """Forget it; one that is not there is fine."""
        await asyncio.to_thread(self._change, name, None)

    def _read(self) -> str:
        try:
            return read_text(self._path)
        except (OSError, UsageError):
            raise Failed(f"{self._path} cannot be read", hint="mend it, or move it away") from None

    def _change(self, name: str, text: str | None) -> None:
        with exclusive(self._path):
            before = self._read()
            after = with_filter(before, name, text)
            if not _only_changes(before, after, name, text):
                line = f"{name} = {text!r}" if text else name
                raise Failed(
                    f"{self._path} cannot be changed safely", hint=f"write {line} into [filters] by hand"
                )
            replace(self._path, after.encode())


def _filters(text: str) -> Mapping[str, str]:
    try:
        table = tomllib.loads(text).get("filters", {})
    except ValueError:
        raise Failed("config.toml is not TOML", hint="mend it, or move it away") from None
    return {str(name): str(value) for name, value in table.items()} if isinstance(table, dict) else {}


def _only_changes(before: str, after: str, name: str, text: str | None) -> bool:
    """A file that is not ours to understand is not touched."""
    try:
        wanted, found = tomllib.loads(before), tomllib.loads(after)
    except ValueError:
        return False
    table = {k: v for k, v in wanted.get("filters", {}).items() if k != name}
    if text is not None:
        table[name] = text
    return {**wanted, "filters": table} == {"filters": {}, **found}


def with_filter(toml: str, name: str, text: str | None) -> str:
    """Return `toml` with the filter `name` set to `text`, or without it when `text` is None."""
    import tomli_w

    end_of_line = newline_of(toml)
    line = "" if text is None else tomli_w.dumps({name: text}).rstrip("\n") + end_of_line
    head = _TABLE.search(toml)
    if head is None:
        gap = "" if not toml or toml.endswith("\n") else end_of_line
        return f"{toml}{gap}{end_of_line}[filters]{end_of_line}{line}" if line else toml
    start = head.end()
    after = re.compile(r"^\s*\[", re.MULTILINE).search(toml, start)
    end = after.start() if after else len(toml)
    body = toml[start:end]
    key = re.escape(tomli_w.dumps({name: ""}).partition(" = ")[0])
    old = re.compile(rf"^{key}[ \t]*=[^\r\n]*(?:\r?\n)?", re.MULTILINE)
    body = old.sub(lambda _: line, body, count=1) if old.search(body) else f"{line}{body}"
    opening = toml[:start] if toml[:start].endswith("\n") else f"{toml[:start]}{end_of_line}"
    return f"{opening}{body}{toml[end:]}"
