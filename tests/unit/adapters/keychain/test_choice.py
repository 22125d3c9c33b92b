"""The backend that is chosen directly is the one that keyring's own ranking would choose."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.server import ROOT
from tests.support.vaults import Bus

pytestmark = pytest.mark.slow
SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
DIRECT = """
import asyncio, json, sys
from app.adapters.keychain import keychain
from app.domain.errors import VaultMissing
chosen = []
choose = keychain.choose_backend
keychain.choose_backend = lambda keep_open: chosen.append(choose(keep_open)) or chosen[-1]
problem = asyncio.run(keychain.KeychainVault(60).probe()).error
print(json.dumps([
    type(chosen[0]).__name__ if chosen else "", problem and problem.message, "keyring" in sys.modules
]))
"""
RANKING = """
import json, keyring
found = type(keyring.get_keyring())
print(json.dumps(f"{found.__module__}.{found.__qualname__}"))
"""
THIRD_PARTY = """
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    priority = {priority}
    def get_password(self, service, username): return None
    def set_password(self, service, username, password): pass
"""
LIBSECRET = """
import types
def require_version(*given): pass
repository = types.ModuleType("gi.repository")
class Everything:
    def __getattr__(self, name): return Everything()
    def __call__(self, *given, **named): return Everything()
repository.Gio = repository.GLib = repository.Secret = Everything()
class Error(Exception): pass
repository.GLib.Error = Error
import sys
sys.modules["gi.repository"] = repository
"""
KWALLET = """
import sys, types
class DBusException(Exception): pass
class Bus:
    def name_has_owner(self, name): return True
    def list_activatable_names(self): return ["org.kde.kwalletd5"]
def SessionBus(mainloop=None): return Bus()
for name in ("dbus.mainloop", "dbus.mainloop.glib"):
    sys.modules[name] = types.ModuleType(name)
sys.modules["dbus.mainloop.glib"].DBusGMainLoop = lambda: None
"""


def _run(program: str, folder: Path, variables: Mapping[str, str]) -> Any:
    # A user's own packages come from a path that is searched like any other.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHON_KEYRING_BACKEND"}
    environment = {**kept, **variables, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    run = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True,
        cwd=folder, timeout=60,
    )  # fmt: skip
    return json.loads(run.stdout.splitlines()[-1])


def _register(folder: Path, entry: str, info: str = "other-1.0.dist-info") -> None:
    (folder / info).mkdir()
    (folder / info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    (folder / info / "entry_points.txt").write_text(
        f"[console_scripts]\nx = y:z\n\n[keyring.backends]\n{entry}\n"
    )


def _plain(folder: Path) -> None:
    """Nothing but what comes with keyring."""


def _preferred_other(folder: Path) -> None:
    (folder / "other.py").write_text(THIRD_PARTY.format(priority=9))
    _register(folder, "other = other")


def _unusable_other(folder: Path) -> None:
    (folder / "other.py").write_text(THIRD_PARTY.format(priority=-5))
    _register(folder, "other = other", "other.egg-info")


def _package_in_an_archive(folder: Path) -> None:
    (folder / "sitecustomize.py").write_text(
        "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), 'some.zip'))\n"
    )
    (folder / "some.zip").write_bytes(b"PK\x05\x06" + bytes(18))


def _libsecret(folder: Path) -> None:
    (folder / "gi.py").write_text(LIBSECRET)


def _kwallet(folder: Path) -> None:
    (folder / "dbus.py").write_text(KWALLET)


def _named_in_a_file(folder: Path) -> None:
    place = folder / "python_keyring"
    place.mkdir()
    (place / "keyringrc.cfg").write_text("[backend]\ndefault-keyring=keyring.backends.null.Keyring\n")


def _empty_file(folder: Path) -> None:
    (folder / "python_keyring").mkdir()
    (folder / "python_keyring" / "keyringrc.cfg").write_text("")


CHAINER = "keyring.backends.chainer.ChainerBackend"
NULL = "keyring.backends.null.Keyring"
NONE: dict[str, str] = {}
KDE = {"XDG_CURRENT_DESKTOP": "KDE"}


FAIL = "keyring.backends.fail.Keyring"
SERVICE, LIBRARY, NOTHING = "SecretService", "KeyringLibrary", ""


@pytest.mark.parametrize(
    ("prepare", "variables", "ranked", "chosen", "imported"),
    [
        (_plain, NONE, SECRET_SERVICE, SERVICE, False),
        (_plain, KDE, SECRET_SERVICE, SERVICE, False),
        (_plain, {"PYTHON_KEYRING_BACKEND": NULL}, NULL, NOTHING, True),
        (_plain, {"PYTHON_KEYRING_BACKEND": SECRET_SERVICE}, SECRET_SERVICE, SERVICE, False),
        (_plain, {"KEYRING_PROPERTY_SCHEME": "KeePassXC"}, SECRET_SERVICE, SERVICE, True),
        (_plain, {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nobody"}, FAIL, SERVICE, False),
        (_plain, {"DBUS_SESSION_BUS_ADDRESS": "tcp:host=127.0.0.1,port=1"}, FAIL, SERVICE, False),
        (_preferred_other, NONE, CHAINER, NOTHING, True),
        (_unusable_other, NONE, SECRET_SERVICE, SERVICE, True),
        (_package_in_an_archive, NONE, SECRET_SERVICE, SERVICE, True),
        (_libsecret, NONE, CHAINER, LIBRARY, True),
        (_kwallet, NONE, CHAINER, LIBRARY, True),
        (_kwallet, KDE, CHAINER, LIBRARY, True),
        (_named_in_a_file, NONE, NULL, NOTHING, True),
        (_empty_file, NONE, SECRET_SERVICE, SERVICE, True),
    ],
)
def test_the_choice_is_that_of_the_ranking(
    secret_service: Bus,
    tmp_path: Path,
    prepare: Callable[[Path], None],
    variables: Mapping[str, str],
    ranked: str,
    chosen: str,
    imported: bool,
) -> None:
    """`keyring` is imported only where its ranking is needed."""
    folder = tmp_path / "packages"
    folder.mkdir()
    prepare(folder)
    around = {**secret_service.environment, "XDG_CONFIG_HOME": str(folder), **variables}
    if "PYTHON_KEYRING_BACKEND" not in variables:
        del around["PYTHON_KEYRING_BACKEND"]
    assert _run(RANKING, folder, around) == ranked
    backend, problem, was_imported = _run(DIRECT, folder, around)
    assert (backend, was_imported) == (chosen, imported)
    refused = {NULL: "keyring is switched off", FAIL: "no keychain was found"}.get(ranked)
    other = "does not know the keyring backend other." if prepare is _preferred_other else refused
    assert (other in problem) if other else problem is None
