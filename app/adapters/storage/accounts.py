"""What is remembered about logins and is not secret: a small TOML file.

[chainloop.default]
endpoint = "api.example:443"
method = "browser"
"""

import asyncio
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from app.adapters.storage.files import exclusive, read_text, replace
from app.domain.credentials import DEFAULT_PROFILE
from app.domain.errors import Failed, UsageError

_Facts = dict[str, str]
_Tables = dict[str, dict[str, _Facts]]


class TomlAccounts:
    """Profiles and their facts in one file, written atomically under a lock between processes.

    A file that cannot be parsed counts as empty; the next change keeps it beside as `.unreadable`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def profiles(self, provider: str) -> Sequence[str]:
        """Names of the profiles that were ever stored here, "default" first."""
        names = (await asyncio.to_thread(self._load)).get(provider, {})
        return sorted(names, key=lambda name: (name != DEFAULT_PROFILE, name))

    async def facts(self, provider: str, profile: str) -> Mapping[str, str]:
        """What is known of the profile; empty for an unknown one."""
        return (await asyncio.to_thread(self._load)).get(provider, {}).get(profile, {})

    async def remember(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Replace what is known of the profile; raise Failed when it cannot be written."""
        await asyncio.to_thread(self._change, provider, profile, lambda _: dict(facts))

    async def update(self, provider: str, profile: str, facts: Mapping[str, str]) -> None:
        """Add `facts` to what is known of the profile; raise Failed when it cannot be written."""
        await asyncio.to_thread(self._change, provider, profile, lambda known: {**known, **facts})

    async def forget(self, provider: str, profile: str) -> None:
        """Remove the profile; one that is not there is fine."""
        await asyncio.to_thread(self._change, provider, profile, None)

    def _load(self) -> _Tables:
        try:
            return _tables(tomllib.loads(read_text(self._path)))
        except (UsageError, ValueError):
            return {}
        except OSError as error:
            raise Failed(
                f"{self._path} cannot be read: {error.strerror}", hint="make it readable, or move it away"
            ) from error

    def _change(self, provider: str, profile: str, change: Callable[[_Facts], _Facts] | None) -> None:
        """Let `change` make the new facts of the profile from the known ones; None removes the profile."""
        import tomlkit

        if change is None and profile not in self._load().get(provider, {}):
            return
        with exclusive(self._path):
            tables = self._load()
            self._keep_unreadable()
            profiles = tables.setdefault(provider, {})
            if change is None:
                profiles.pop(profile, None)
            else:
                profiles[profile] = change(profiles.get(profile, {}))
            replace(self._path, tomlkit.dumps(tables).encode())

    def _keep_unreadable(self) -> None:
        try:
            tomllib.loads(read_text(self._path))
        except (UsageError, ValueError):
            self._path.replace(self._path.with_name(f"{self._path.name}.unreadable"))


def _tables(raw: Mapping[str, object]) -> _Tables:
    """Keep what has the shape of this file; a hand-edited one may hold anything."""
    return {
        provider: {
            profile: {str(key): str(value) for key, value in facts.items()}
            for profile, facts in profiles.items()
            if isinstance(facts, dict)
        }
        for provider, profiles in raw.items()
        if isinstance(profiles, dict)
    }
