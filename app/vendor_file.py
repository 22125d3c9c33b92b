"""The configuration file of the vendor's own `chainloop` command, which `--config` names.

Read, never written. Of its keys Loopin takes the organization and the control plane; never the token: a login
lies in the keychain. Keys are compared without regard to case, as the vendor does.
"""

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


def read(name: str) -> dict[str, tuple[str, str]]:
    """Return value and source of each setting that the file `name` has; an empty value counts as not set.

    Raise UsageError when there is no such file, or when it is not TOML or has a table for a value.
    """
    path = inputs.read_path(name, FLAG)
    if path is None:
        raise UsageError(f"{FLAG} is empty", hint="give the path of a file, or leave it out")
    keys = _lowered(_load(path))
    found = {}
    for setting, key in KEYS.items():
        value, source = _value(keys, key), f"{key} in {clean(str(path), 200)}"
        if value is None:
            continue
        if isinstance(value, Mapping | list):
            raise UsageError(f"{source} is not a single value", hint="mend the file, or leave --config out")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if inputs.read_text(text, source):
            found[setting] = (text, source)
    return found


def _load(path: Path) -> Mapping[str, Any]:
    import tomllib

    where = f"{FLAG} {clean(str(path), 200)}"
    try:
        return tomllib.loads(inputs.decode(path.read_bytes(), where))
    except OSError as error:
        reason = error.strerror or type(error).__name__
    except tomllib.TOMLDecodeError as error:
        # Its message has places and no content, which may be a token.
        reason = f"it is not TOML, {_place(str(error))}"
    raise UsageError(f"{where} cannot be read: {reason}", hint="give another file, or leave --config out")


def _place(message: str) -> str:
    """The place in a message of tomllib; a file that cannot be read quotes none of its content."""
    _, opened, place = message.rpartition("(at ")
    return f"at {place.removesuffix(')')}" if opened else "somewhere"


def _lowered(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {str(key).lower(): _lowered(inner) for key, inner in value.items()}


def _value(keys: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(keys, Mapping):
            return None
        keys = keys.get(part)
    return keys
