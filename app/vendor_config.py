"""The configuration file of the vendor's own `chainloop` command, which `--config` names.

Read, never written. Of its keys Loopin takes the organization and the control plane; never the token: a login
lies in the keychain. Keys are compared without regard to case, as the vendor does.
"""

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.domain import inputs
from app.domain.errors import UsageError
from app.domain.text import clean

FLAG = "--config"
KEYS: Mapping[str, str] = {
    "chainloop_organization": "organization",
    "chainloop_address": "control-plane.api",
    "chainloop_ca": "control-plane.api-ca",
    "chainloop_insecure": "api-insecure",
    "chainloop_max_recv": "api-max-recv-msg-size",
}
"""The vendor's key of each setting that is read, by the setting's name."""


LARGEST = 1 << 20
"""Bytes; a configuration file is far smaller, even with an authority in it."""
_WHERE = re.compile(r"\(at (line \d+, column \d+)\)")


def read(name: str) -> dict[str, tuple[str, str]]:
    """Return value and source of each setting that the file `name` has; an empty value counts as not set.

    Raise UsageError when there is no such file, or when it is not TOML or has a table for a value.
    """
    path = inputs.read_path(name, FLAG)
    if path is None:
        raise UsageError(f"{FLAG} is empty", hint="give the path of a file, or leave it out")
    shown = clean(str(path), 200)
    keys = load(path, f"{FLAG} {shown}", "give another file, or leave --config out")
    found = {}
    for setting, key in KEYS.items():
        value, source = value_of(keys, key), f"{key} in {shown}"
        if value is None:
            continue
        if isinstance(value, Mapping | list):
            raise UsageError(f"{source} is not a single value", hint="correct it, or leave --config out")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if inputs.read_text(text, source):
            found[setting] = (text, source)
    return found


def load(path: Path, shown: str, hint: str) -> Mapping[str, Any]:
    """Return what the file has, keys in lower case.

    Raise UsageError, which calls the file `shown` and quotes none of its content: that may be a token.
    """
    import tomllib

    try:
        facts = path.stat()
        # A pipe would never end.
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > LARGEST:
            raise UsageError(f"{shown} is not a configuration file", hint=hint)
        text = inputs.decode(path.read_bytes(), shown)
    except FileNotFoundError:
        raise UsageError(f"{shown} does not exist", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{shown} cannot be read: {error.strerror}", hint=hint) from None
    try:
        tables: Mapping[str, Any] = _lowered(tomllib.loads(text))
    # RecursionError: brackets nested by the thousand.
    except (ValueError, RecursionError) as error:
        found = _WHERE.search(str(error))
        where = f": see {found[1]}" if found else ""
        raise UsageError(f"{shown} is not TOML{where}", hint=hint) from None
    return tables


def value_of(keys: Any, key: str) -> Any:
    """The value of a key with dots in it, such as `auth.token`; None where there is none."""
    for part in key.split("."):
        if not isinstance(keys, Mapping):
            return None
        keys = keys.get(part)
    return keys


def _lowered(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {str(key).lower(): _lowered(inner) for key, inner in value.items()}
