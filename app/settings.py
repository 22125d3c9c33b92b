"""Every client-side setting in one typed table: its key in config.toml, its variable, its default.

A flag beats its variable, a variable the vendor's configuration file (--config), that file config.toml, and
config.toml the default. Secrets come from flags and variables only, never from a file.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn

from app.domain import inputs
from app.domain.credentials import DEFAULT_PROFILE, ChainloopTarget, Endpoint, Provider
from app.domain.errors import UsageError
from app.domain.gumloop import BASE_URL, GumloopTarget, endpoint_of
from app.domain.read_only import ReadOnlyMode
from app.domain.text import clean

CHAINLOOP_ADDRESS = "api.cp.chainloop.dev:443"
YEAR, HOUR = 366, 3600
"""Days and seconds; what is longer is a mistake, and more than calendars and clocks can count."""
LARGEST_ANSWER = 2**31 - 1
"""Bytes; gRPC counts no further."""
_DEEPEST = 4
"""Names in `chainloop.profiles.NAME.read_only`."""
_MOST_WARNINGS = 5
_MEND = "mend it, or move it away"
VENDOR_KEYS: Mapping[str, str] = {
    "chainloop_organization": "organization",
    "chainloop_address": "control-plane.api",
    "chainloop_ca": "control-plane.api-ca",
    "chainloop_insecure": "api-insecure",
    "chainloop_max_recv": "api-max-recv-msg-size",
}
"""Settings that are read from the file of the vendor's `chainloop` command, and their keys there.

The file is read, never written; its token is no setting (see `adapters/chainloop/vendor_login.py`).
"""
VENDOR_FILE_LIMIT = 1 << 20
"""Bytes; a configuration file is far smaller, even with an authority in it."""
_TOML_PLACE = re.compile(r"\(at (line \d+, column \d+)\)")


class Setting(NamedTuple):
    """One row: `key` in config.toml (empty = not read from the file), `variable`, `default`, what it does."""

    key: str
    variable: str
    default: str
    help: str


TABLE: Mapping[str, Setting] = {
    "config_dir": Setting("", "LOOPIN_CONFIG_DIR", "", "folder of config.toml and accounts.toml"),
    "state_dir": Setting("", "LOOPIN_STATE_DIR", "", "folder of the activity trail and logs"),
    "theme": Setting("theme", "LOOPIN_THEME", "loopin-dark", "theme of the screen"),
    "near_days": Setting(
        "near_days", "LOOPIN_NEAR_DAYS", "14", "days before a deadline that count as at risk"
    ),
    "refresh_minutes": Setting(
        "refresh_minutes",
        "LOOPIN_REFRESH_MINUTES",
        "0",
        "minutes between two listings of the tokens on the screen; 0 = by hand alone",
    ),
    "read_only": Setting("read_only", "LOOPIN_READ_ONLY", "false", "change nothing at any account"),
    "redact": Setting("redact", "LOOPIN_REDACT", "false", "mask names, e-mails, ids and hosts on the screen"),
    "keychain_timeout": Setting(
        "keychain_timeout", "LOOPIN_KEYCHAIN_TIMEOUT", "20", "seconds to wait for the keychain"
    ),
    "request_timeout": Setting(
        "request_timeout", "LOOPIN_REQUEST_TIMEOUT", "30", "seconds to wait for a server"
    ),
    "gumloop_profile": Setting("gumloop.profile", "", DEFAULT_PROFILE, "Gumloop login to use"),
    "gumloop_base_url": Setting("gumloop.base_url", "GUMLOOP_BASE_URL", "", "base URL of the Gumloop API"),
    "gumloop_team_id": Setting("gumloop.team_id", "GUMLOOP_TEAM_ID", "", "team that requests are scoped to"),
    "gumloop_access_token": Setting(
        "", "GUMLOOP_ACCESS_TOKEN", "", "OAuth access token for this run, instead of the stored login"
    ),
    "gumloop_api_key": Setting(
        "", "GUMLOOP_API_KEY", "", "API key for this run; needs GUMLOOP_USER_ID beside it"
    ),
    "gumloop_user_id": Setting("", "GUMLOOP_USER_ID", "", "the user ID that GUMLOOP_API_KEY belongs to"),
    "chainloop_profile": Setting("chainloop.profile", "", DEFAULT_PROFILE, "Chainloop login to use"),
    "chainloop_address": Setting(
        "chainloop.control_plane", "CHAINLOOP_CONTROL_PLANE_API", "", "host:port of the control plane"
    ),
    "chainloop_ca": Setting(
        "chainloop.control_plane_ca",
        "CHAINLOOP_CONTROL_PLANE_API_CA",
        "",
        "extra authority: path, PEM or base64 PEM",
    ),
    "chainloop_insecure": Setting(
        "chainloop.insecure", "CHAINLOOP_API_INSECURE", "false", "plain text instead of TLS"
    ),
    "chainloop_max_recv": Setting(
        "chainloop.max_recv_msg_size",
        "CHAINLOOP_API_MAX_RECV_MSG_SIZE",
        str(32 * 1024 * 1024),
        "largest answer in bytes; 0 = the default",
    ),
    "chainloop_token": Setting(
        "", "CHAINLOOP_TOKEN", "", "API token for this run, instead of the stored login"
    ),
    "chainloop_organization": Setting("chainloop.organization", "CHAINLOOP_ORGANIZATION", "", "organization"),
}
FLAGS: Mapping[str, str] = {
    "read_only": "--read-only",
    "redact": "--redact",
    "gumloop_profile": "--profile",
    "gumloop_base_url": "--base-url",
    "gumloop_team_id": "--team-id",
    "chainloop_profile": "--profile",
    "chainloop_address": "--control-plane",
    "chainloop_ca": "--control-plane-ca",
    "chainloop_insecure": "--insecure",
    "chainloop_max_recv": "--max-recv-msg-size",
    "chainloop_organization": "--org",
}
"""Settings that a flag may name, and the flag."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What this run works with. Durations in seconds, sizes in bytes."""

    config_dir: Path
    state_dir: Path
    theme: str
    near_days: int
    keychain_timeout: float
    request_timeout: float
    chainloop: ChainloopTarget
    chainloop_max_recv: int
    gumloop: GumloopTarget = field(default_factory=lambda: GumloopTarget(endpoint_of(BASE_URL)))
    keys: Mapping[str, str] = field(default_factory=dict)
    demo: bool = False
    refresh_minutes: int = 0
    redact: bool = False
    warnings: tuple[str, ...] = ()
    """What stands in config.toml and is no setting, a sentence for each."""


class Value(NamedTuple):
    """The text of a setting, unchecked; `source` names where it was given, and is empty for the default."""

    text: str
    source: str


def load(environ: Mapping[str, str] | None = None, flags: Mapping[str, str | None] | None = None) -> Settings:
    """Read flags, environment, the vendor's file and config.toml, in this order.

    `flags` has the names of TABLE, `chainloop_flag_token`, and `chainloop_config`: the vendor's file. Raise
    UsageError naming the setting that cannot be read, and where it was given.
    """
    environ = os.environ if environ is None else environ
    flag_values = {name: value for name, value in (flags or {}).items() if value is not None}
    config_dir = _read_folder("config_dir", "config", flag_values, environ)
    file = _read_file(config_dir / "config.toml")
    vendor = _read_vendor_settings(flag_values)
    values = {name: _find_value(name, flag_values, environ, file, vendor) for name in TABLE}
    everything = _boolean("read_only", values)
    by = values["read_only"].source.removeprefix("read_only in ") if everything else ""
    return Settings(
        config_dir=config_dir,
        state_dir=_read_folder("state_dir", "state", flag_values, environ),
        theme=_text("theme", values),
        near_days=_integer("near_days", values, most=10 * YEAR),
        keychain_timeout=float(_integer("keychain_timeout", values, most=HOUR)),
        request_timeout=float(_integer("request_timeout", values, most=HOUR)),
        chainloop=_chainloop_target(
            values, flag_values, ReadOnlyMode(everything, _read_only_profiles(file), by)
        ),
        # 0 is the default, as for the vendor's command.
        chainloop_max_recv=_integer("chainloop_max_recv", values, least=0, most=LARGEST_ANSWER)
        or int(TABLE["chainloop_max_recv"].default),
        gumloop=_gumloop_target(values, ReadOnlyMode(everything, by=by)),
        keys={str(k): str(v) for k, v in _read_table(file, "keys").items()},
        refresh_minutes=_integer("refresh_minutes", values, least=0, most=YEAR * 24 * 60),
        redact=_boolean("redact", values),
        warnings=_unknown_keys(file),
    )


def _read_only_profiles(file: Mapping[str, Any]) -> frozenset[str]:
    """Profiles that may change nothing: `read_only = true` under [chainloop.profiles.NAME]."""
    profiles = value_at(file, "chainloop.profiles")
    if not isinstance(profiles, Mapping):
        return frozenset()
    read_only = {str(name): value_at(facts, "read_only") for name, facts in profiles.items()}
    for name, value in read_only.items():
        if not isinstance(value, bool | None):
            where = f"[chainloop.profiles.{name}] read_only"
            raise UsageError(f"{where} is {value!r}", hint="use true or false")
    return frozenset(name for name, value in read_only.items() if value)


def _unknown_keys(file: Mapping[str, Any]) -> tuple[str, ...]:
    unknown = [path for path in _paths(file) if not _is_setting(path)]
    return tuple(_explain_unknown(path) for path in unknown[:_MOST_WARNINGS])


def _paths(file: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Every key with the tables it stands in, no deeper than the deepest key that is read."""
    paths: list[tuple[str, ...]] = []
    queue: list[tuple[tuple[str, ...], Any]] = [((name,), value) for name, value in file.items()]
    while queue:
        path, value = queue.pop(0)
        if isinstance(value, Mapping) and len(path) < _DEEPEST:
            queue += [((*path, name), inner) for name, inner in value.items()]
        else:
            paths.append(path)
    return paths


def _is_setting(path: tuple[str, ...]) -> bool:
    if path[0] in {"keys", "filters"} or (path[:2], path[3:]) == (("chainloop", "profiles"), ("read_only",)):
        return True
    return any(row.key and row.key.split(".") == list(path) for row in TABLE.values())


def _explain_unknown(path: tuple[str, ...]) -> str:
    from difflib import get_close_matches

    name = clean(".".join(path), 80)
    if (row := TABLE.get("_".join(path))) is not None:
        return f"{name} is not read from config.toml: set {row.variable}"
    known = [row.key for row in TABLE.values() if row.key]
    if len(path) == _DEEPEST:
        known.append(".".join((*path[:-1], "read_only")))
    beside = [key for key in known if key.split(".")[:-1] == list(path[:-1])]
    meant = get_close_matches(name, beside if len(path) > 1 and beside else known, 1)
    return f"{name} in config.toml is no setting" + (f"; did you mean {meant[0]}?" if meant else "")


def _gumloop_target(values: Mapping[str, Value], read_only: ReadOnlyMode) -> GumloopTarget:
    base_url = _text("gumloop_base_url", values)
    return GumloopTarget(
        default=endpoint_of(BASE_URL),
        endpoint=endpoint_of(base_url, values["gumloop_base_url"].source) if base_url else None,
        profile=inputs.read_profile(*values["gumloop_profile"]),
        team_id=_text("gumloop_team_id", values),
        access_token=inputs.read_secret(*values["gumloop_access_token"]),
        api_key=inputs.read_secret(*values["gumloop_api_key"]),
        user_id=_text("gumloop_user_id", values),
        read_only=read_only,
    )


def _chainloop_target(
    values: Mapping[str, Value], flag_values: Mapping[str, str], read_only: ReadOnlyMode
) -> ChainloopTarget:
    insecure, ca = _boolean("chainloop_insecure", values), _read_authority(values["chainloop_ca"])
    address = inputs.read_address(*values["chainloop_address"])
    if address is not None and address.insecure not in {None, insecure}:
        _refuse_scheme(values, "plain text" if address.insecure else "TLS")
    default = Endpoint(Provider.CHAINLOOP, CHAINLOOP_ADDRESS, insecure, ca)
    return ChainloopTarget(
        default=default,
        endpoint=replace(default, address=address.text) if address else None,
        profile=inputs.read_profile(*values["chainloop_profile"]),
        organization=_text("chainloop_organization", values),
        flag=inputs.read_secret(flag_values.get("chainloop_flag_token", ""), "--token"),
        environment=inputs.read_secret(*values["chainloop_token"]),
        read_only=read_only,
        organization_source=values["chainloop_organization"].source,
    )


def _refuse_scheme(values: Mapping[str, Value], scheme: str) -> NoReturn:
    address, insecure = values["chainloop_address"], values["chainloop_insecure"]
    if scheme == "TLS":
        raise UsageError(
            f"{address.source} says TLS, and {insecure.source} says plain text", hint="give one of them"
        )
    raise UsageError(
        f"{address.source} says plain text: your credential would travel in the clear",
        hint="write https:// or no scheme, or add --insecure",
    )


def _read_authority(ca: Value) -> str:
    """A path becomes absolute: it is stored with the login, and used from any folder."""
    text = inputs.read_text(*ca)
    if not text or inputs.certificate_in(text):
        return text
    return str(inputs.read_path(*ca))


def _text(name: str, values: Mapping[str, Value]) -> str:
    return inputs.read_text(*values[name])


def _read_folder(name: str, kind: str, flag_values: Mapping[str, str], environ: Mapping[str, str]) -> Path:
    return inputs.read_path(*_find_value(name, flag_values, environ, {})) or _platform_dir(kind)


def _read_vendor_settings(flag_values: Mapping[str, str]) -> Mapping[str, Value]:
    """The settings in the file that --config names; an empty value counts as not set. Raise UsageError."""
    if "chainloop_config" not in flag_values:
        return {}
    path = inputs.read_path(flag_values["chainloop_config"], "--config")
    if path is None:
        raise UsageError("--config is empty", hint="give the path of a file, or leave it out")
    name = clean(str(path), 200)
    tables = read_vendor_file(path, f"--config {name}", "give another file, or leave --config out")
    values = {}
    for setting, key in VENDOR_KEYS.items():
        value, source = value_at(tables, key), f"{key} in {name}"
        if value is None:
            continue
        if isinstance(value, Mapping | list):
            raise UsageError(f"{source} is not a single value", hint="correct it, or leave --config out")
        text = _as_text(value)
        if inputs.read_text(text, source):
            values[setting] = Value(text, source)
    return values


def read_vendor_file(path: Path, name: str, hint: str) -> Mapping[str, Any]:
    """Return what the file has, keys in lower case: the vendor compares them without regard to case.

    Raise UsageError, which calls the file `name` and quotes none of its content: that may be a token.
    """
    import tomllib

    try:
        facts = path.stat()
        # A pipe would never end.
        if not stat.S_ISREG(facts.st_mode) or facts.st_size > VENDOR_FILE_LIMIT:
            raise UsageError(f"{name} is not a configuration file", hint=hint)
        text = inputs.decode(path.read_bytes(), name)
    except FileNotFoundError:
        raise UsageError(f"{name} does not exist", hint=hint) from None
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", hint=hint) from None
    try:
        tables: Mapping[str, Any] = _lower_keys(tomllib.loads(text))
    # RecursionError: brackets nested by the thousand.
    except (ValueError, RecursionError) as error:
        place = _TOML_PLACE.search(str(error))
        where = f": see {place[1]}" if place else ""
        raise UsageError(f"{name} is not TOML{where}", hint=hint) from None
    return tables


def value_at(tables: Any, key: str) -> Any:
    """The value of a key with dots in it, such as `auth.token`; None where there is none."""
    for part in key.split("."):
        if not isinstance(tables, Mapping):
            return None
        tables = tables.get(part)
    return tables


def _lower_keys(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return {str(key).lower(): _lower_keys(inner) for key, inner in value.items()}


def _as_text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _find_value(
    name: str,
    flag_values: Mapping[str, str],
    environ: Mapping[str, str],
    file: Mapping[str, Any],
    vendor: Mapping[str, Value] = MappingProxyType({}),
) -> Value:
    row = TABLE[name]
    if name in flag_values:
        flag = FLAGS.get(name, name)
        if not inputs.read_text(flag_values[name], flag):
            raise UsageError(f"{flag} is empty", hint="give a value, or leave it out")
        return Value(flag_values[name], flag)
    # An empty variable counts as unset, as in the vendors' own programs.
    if row.variable and inputs.read_text(value := environ.get(row.variable, ""), row.variable):
        return Value(value, row.variable)
    if name in vendor:
        return vendor[name]
    if row.key and (found := value_at(file, row.key)) is not None:
        text = _as_text(found)
        if inputs.read_text(text, row.key):
            return Value(text, f"{row.key} in config.toml")
    return Value(row.default, "")


def _read_table(file: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = file.get(name, {})
    if not isinstance(section, Mapping):
        raise UsageError(f"[{name}] in config.toml is not a table", hint=f"write it as [{name}]")
    return section


def _read_file(path: Path) -> Mapping[str, Any]:
    try:
        text = inputs.decode(path.read_bytes(), str(path))
        # Most people have no such file, and need no reader.
        import tomllib

        return tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"{clean(str(path), 200)} cannot be read: {reason}", hint=_MEND) from None


def _integer(name: str, values: Mapping[str, Value], *, most: int, least: int = 1) -> int:
    text = _text(name, values)
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if least <= number <= most:
        return number
    raise UsageError(
        f"{values[name].source} is {clean(text, 80)!r}", hint=f"use a whole number from {least} to {most}"
    )


def _boolean(name: str, values: Mapping[str, Value]) -> bool:
    value = _text(name, values).lower()
    if value in {"1", "t", "true", "yes", "on"}:
        return True
    if value in {"", "0", "f", "false", "no", "off"}:
        return False
    raise UsageError(f"{values[name].source} is {clean(value, 80)!r}", hint="use true or false")


def _platform_dir(kind: str) -> Path:
    import platformdirs

    find = platformdirs.user_config_path if kind == "config" else platformdirs.user_state_path
    try:
        folder = find("loopin", appauthor=False)
    except (RuntimeError, OSError, KeyError):
        folder = Path()
    if folder.is_absolute():
        return folder
    raise UsageError(
        "no home folder is known for this user, so there is no place for settings",
        hint="set HOME, or LOOPIN_CONFIG_DIR and LOOPIN_STATE_DIR",
    )
