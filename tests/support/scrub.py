"""Loaded before every other plugin: takes away what would make a run depend on the machine.

The snapshot plugin imports textual before any conftest is read, and textual reads its variables at
import. So this happens here, and not in a fixture.
"""

import atexit
import os
import shutil
import signal
import sys
import tempfile
import threading

_PREFIXES = ("TEXTUAL", "LOOPIN_", "GUMLOOP_", "CHAINLOOP_", "GITLAB_", "GITHUB_", "CI_", "ACTIONS_", "XDG_")
_NAMES = {
    *("NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "CI"),
    *("BROWSER", "DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION", "SSH_TTY", "TMUX", "WSL_DISTRO_NAME"),
    *("DBUS_SESSION_BUS_ADDRESS", "PYTHON_KEYRING_BACKEND", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"),
}
# How the snapshot plugin tells its workers where the report goes.
_KEEP = {"TEXTUAL_SNAPSHOT_TEMPDIR"}
REQUIRE = "REQUIRE_TEST_TOOLS"

# Under another name, so that it reaches the workers, and no child takes it for a setting of Loopin.
if required := os.environ.get("LOOPIN_TEST_REQUIRE"):
    os.environ[REQUIRE] = required

for name in list(os.environ):
    if (name in _NAMES or name.startswith(_PREFIXES)) and name not in _KEEP:
        del os.environ[name]

# Without compiled modules every child compiles the whole program anew, which takes longer than most tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# `nohup`, or a shell that starts us in the background, has these ignored, and every child would inherit that.
if threading.current_thread() is threading.main_thread():
    for number in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

HOME = tempfile.mkdtemp(prefix="loopin-test-home-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
# A time zone that was given stays: the tests pass in every one.
os.environ.setdefault("TZ", "UTC")
os.environ.update(
    HOME=HOME,
    TERM="xterm-256color",
    COLORTERM="truecolor",
    LANG="C.UTF-8",
    GRPC_VERBOSITY="NONE",
    # The default keychain of a test is one that fails: no test may touch the machine's own.
    PYTHON_KEYRING_BACKEND="keyring.backends.fail.Keyring",
)
