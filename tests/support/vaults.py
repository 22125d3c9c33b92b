"""A real Secret Service of one's own: a D-Bus daemon and gnome-keyring in a temporary folder."""

import gc
import os
import select
import signal
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import keyring.core
import pytest

from tests.support.require import missing, tool

BACKEND = "keyring.backends.SecretService.Keyring"
PASSWORD = "keyring-password-not-real"
PATIENCE = 15.0
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
    {more}
  </policy>
</busconfig>
"""
_DENY = '<deny send_destination="org.freedesktop.secrets"/>'


@dataclass
class Bus:
    """A running D-Bus daemon, and the keyring daemon on it, if any."""

    folder: Path
    process: "subprocess.Popen[bytes]"
    daemon: "subprocess.Popen[bytes] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find this bus and no other."""
        return {
            "DBUS_SESSION_BUS_ADDRESS": f"unix:path={self.folder / 'bus'}",
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_RUNTIME_DIR": str(self.folder),
            "PYTHON_KEYRING_BACKEND": BACKEND,
        }

    def start_keyring(self, *, fresh: bool = False) -> None:
        """Start gnome-keyring with an unlocked default collection; a `fresh` one has none yet."""
        unlock = [] if fresh else ["--unlock"]
        self.daemon = subprocess.Popen(
            [tool("gnome-keyring-daemon"), *unlock, "--foreground", "--components=secrets"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **self.environment},
        )
        assert self.daemon.stdin is not None
        if not fresh:
            self.daemon.stdin.write(PASSWORD.encode())
        self.daemon.stdin.close()
        self._wait_for_owner()

    def lock(self) -> None:
        """Lock the default collection."""
        import secretstorage

        with closing(secretstorage.dbus_init()) as connection:
            secretstorage.Collection(connection).lock()

    def pause(self) -> None:
        """Stop the keyring daemon in its tracks: calls to it never come back."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.daemon is not None
        self.daemon.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """End both daemons."""
        for process in (self.daemon, self.process):
            if process is not None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                process.wait(PATIENCE)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _wait_for_owner(self) -> None:
        """The bus tells when the service has its name."""
        from jeepney import MatchRule, message_bus
        from jeepney.io.blocking import Proxy, open_dbus_connection

        with open_dbus_connection(self.environment["DBUS_SESSION_BUS_ADDRESS"]) as connection:
            proxy = Proxy(message_bus, connection)
            rule = MatchRule(type="signal", interface="org.freedesktop.DBus", member="NameOwnerChanged")
            rule.add_arg_condition(0, "org.freedesktop.secrets")
            proxy.AddMatch(rule)
            with connection.filter(rule) as arrived:
                if not proxy.NameHasOwner("org.freedesktop.secrets")[0]:
                    connection.recv_until_filtered(arrived, timeout=PATIENCE)


def start_bus(folder: Path, *, deny: bool = False) -> Bus:
    """Start a bus; with `deny` it lets nobody talk to the Secret Service."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    config = folder / "bus.conf"
    config.write_text(_CONFIG.format(socket=folder / "bus", more=_DENY if deny else ""))
    process = subprocess.Popen(
        [tool("dbus-daemon"), f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], PATIENCE)
    if not readable or not process.stdout.readline():
        missing("dbus-daemon does not start here")
    return Bus(folder, process)


def use(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process use the bus's keychain."""
    for name, value in bus.environment.items():
        monkeypatch.setenv(name, value)
    forget_backend(monkeypatch)


def collect_leaks() -> None:
    """keyring drops its bus connection unclosed when a collection is locked; let it go here, not later."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def forget_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """keyring chooses its backend once a process; let it choose again."""
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)


@pytest.fixture
def bus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bus]:
    """A bus without a keyring daemon, in use."""
    running = start_bus(tmp_path / "bus-folder")
    use(running, monkeypatch)
    yield running
    running.end()
    collect_leaks()


@pytest.fixture
def secret_service(bus: Bus) -> Bus:
    """The same with an unlocked gnome-keyring."""
    bus.start_keyring()
    return bus
