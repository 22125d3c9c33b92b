"""What a person chose in the app: settings and saved filters, in config.toml."""

import asyncio
import tomllib
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from app.adapters.storage.files import exclusive, read_text, replace
from app.domain.errors import Failed, UsageError

_Tables = MutableMapping[str, Any]


class ConfigFile:
    """Changes single values of the file; everything else stays as a person wrote it, comments too.

    Each method raises Failed when the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def remember(self, name: str, value: str) -> None:
        """Set the top-level `name` to `value`."""

        def edit(tables: _Tables, new: str) -> None:
            tables[name] = new

        await asyncio.to_thread(self._edit, edit, value, f"{name} = {value!r} into it")

    async def all(self) -> Mapping[str, str]:
        """The saved filters: name → filter, in the order of the file."""
        return await asyncio.to_thread(lambda: _filters(self._read()))

    async def save(self, name: str, text: str) -> None:
        """Save the filter `text` as `name`, in the place of an earlier one."""

        def edit(tables: _Tables, new: str) -> None:
            tables.setdefault("filters", {})[name] = new

        await asyncio.to_thread(self._edit, edit, text, f"{name} = {text!r} into [filters]")

    async def delete(self, name: str) -> None:
        """Delete the saved filter; one that is not there is fine."""

        def edit(tables: _Tables, _: str) -> None:
            tables.get("filters", {}).pop(name, None)

        await asyncio.to_thread(self._edit, edit, "", f"[filters] without {name}")

    def _read(self) -> str:
        try:
            return read_text(self._path)
        except UsageError as error:
            raise Failed(error.message, hint=error.hint) from None
        except OSError:
            raise Failed(f"{self._path} cannot be read", hint="mend it, or move it away") from None

    def _edit(self, edit: Callable[[_Tables, str], None], value: str, by_hand: str) -> None:
        # Imported on the first change: most runs write nothing.
        import tomlkit
        from tomlkit.exceptions import TOMLKitError

        with exclusive(self._path):
            text = self._read()
            try:
                document, expected = tomlkit.parse(text), tomllib.loads(text)
                item = tomlkit.string(value)
                # A person's editor may write CRLF.
                item.trivia.trail = "\r\n" if "\r\n" in text else "\n"
                edit(document, item)
                edit(expected, value)
                changed = tomlkit.dumps(document)
                if tomllib.loads(changed) != expected:
                    raise ValueError
            except (ValueError, TypeError, AttributeError, TOMLKitError):
                raise Failed(
                    f"{self._path} cannot be changed safely", hint=f"write {by_hand} by hand"
                ) from None
            replace(self._path, changed.encode())


def _filters(text: str) -> Mapping[str, str]:
    try:
        table = tomllib.loads(text).get("filters", {})
    except ValueError:
        raise Failed("config.toml is not TOML", hint="mend it, or move it away") from None
    return {str(name): str(value) for name, value in table.items()} if isinstance(table, dict) else {}
