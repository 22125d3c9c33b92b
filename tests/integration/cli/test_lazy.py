"""Each command imports only what it needs, and help costs nothing."""

import subprocess
import sys
from collections.abc import Iterable, Sequence

import click
import pytest

from app.cli.groups import Entry, LazyGroup
from app.cli.root import tree
from tests.support.cli import bearer_of
from tests.support.server import ROOT, AccountServer
from tests.support.vaults import Bus

ADAPTERS = {"grpc", "keyring", "authlib", "flask", "sqlalchemy", "httpx", "textual", "joserfc", "google"}


def imported(*commands: Sequence[str]) -> list[set[str]]:
    """What is in memory after each of the commands, run one after the other, by whole name."""
    program = (
        "import sys\nfrom app.__main__ import main\n"
        f"for arguments in {[list(command) for command in commands]!r}:\n"
        "    try: main(arguments)\n"
        "    except SystemExit: pass\n"
        "    print('\\nafter:', *(name for name, loaded in sys.modules.items() if loaded))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        check=True,
    )  # fmt: skip
    lines = [line.removeprefix("after: ") for line in run.stdout.splitlines() if line.startswith("after: ")]
    return [set(line.split()) for line in lines]


def modules(*arguments: str) -> set[str]:
    """The same for one command."""
    (found,) = imported(arguments)
    return found


def loaded(*arguments: str) -> set[str]:
    """The same, by package."""
    return packages(modules(*arguments))


def packages(names: Iterable[str]) -> set[str]:
    """The packages that the modules belong to."""
    return {name.partition(".")[0] for name in names}


NEITHER = (
    "--version",
    "--help",
    "chainloop organization api-token -h",
    "chainloop auth login --help",
    "chainloop organization update",
    "status --help",
    "help",
    "version",
)


def test_no_adapter_is_loaded_for_help_or_bad_usage() -> None:
    found = imported(*(line.split() for line in NEITHER))
    guilty = {line: packages(names) & ADAPTERS for line, names in zip(NEITHER, found, strict=True)}
    assert guilty == {line: set() for line in NEITHER}


def test_the_bare_command_does_not_load_click() -> None:
    assert "click" not in loaded()


def test_commands_never_load_the_screens() -> None:
    assert "textual" not in loaded("status")


def test_the_offline_status_loads_nothing_of_the_network() -> None:
    found = modules("status", "--offline", "--json")
    assert found & {"httpx", "grpc", "google", "authlib", "filelock", "humanize", "difflib"} == set()
    unused = {
        "app.domain.tokens", "app.domain.organizations", "app.domain.keyless", "app.domain.ports",
        "app.adapters.chainloop.client", "app.adapters.system.ci_identity",
        "app.services.interrupted", "app.services.tokens",
        "app.services.sign_out",
    }  # fmt: skip
    assert found & unused == set()


def test_the_secret_service_is_read_without_keyring(secret_service: Bus) -> None:
    """Importing keyring takes longer than reading the entries."""
    found = packages(modules("status", "--offline", "--json"))
    assert "secretstorage" in found
    assert found & {"keyring", "jaraco", "importlib_metadata"} == set()


def test_the_end_of_a_command_does_not_look_for_garbage() -> None:
    program = (
        "import atexit, gc\n"
        # What is registered first runs last.
        "atexit.register(lambda: print(len(gc.get_objects())))\n"
        "from app.__main__ import main\nmain(['--version'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert int(run.stdout.splitlines()[-1]) < 1000


def leaves(group: click.Group, path: str) -> list[tuple[str, click.Command]]:
    """Every command that does something, with its whole name, however deep it stands."""
    found: list[tuple[str, click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command, whole = group.get_command(context, name), f"{path} {name}"
        assert command is not None, whole
        found += leaves(command, whole) if isinstance(command, click.Group) else [(whole, command)]
    return found


def entries(group: LazyGroup) -> list[Entry]:
    """What the help of groups says of their commands."""
    below = [command for entry in group.entries if isinstance(command := entry.load(), LazyGroup)]
    return [*group.entries, *(entry for inner in below for entry in entries(inner))]


def test_every_command_exists_says_what_it_does_and_takes_debug() -> None:
    names = []
    for name, command in leaves(tree, "loopin"):
        names.append(name)
        assert command.help, name
        options = {option for param in command.params for option in param.opts}
        assert "--debug" in options, name
        if name.startswith("loopin chainloop"):
            assert options >= {
                "--token", "-t", "--control-plane", "--control-plane-ca", "--insecure", "-i", "--org", "-n",
                "--max-recv-msg-size", "--profile", "--yes", "-y", "--output", "-o",
            }, name  # fmt: skip
    assert len(names) >= 40
    assert [entry.name for entry in entries(tree) if not entry.help] == []


def test_every_command_is_documented() -> None:
    """In a row of its own, or in one with its siblings: `loopin server user add`, `list`."""
    rows = (ROOT / "docs" / "commands.md").read_text().splitlines()

    def told(name: str) -> bool:
        group, _, leaf = name.rpartition(" ")
        return any(f"`{name}" in row or (f"`{group} " in row and f"`{leaf}`" in row) for row in rows)

    assert [name for name, _ in leaves(tree, "loopin") if not told(name)] == []


def test_a_call_at_chainloop_loads_what_it_takes(
    account_server: AccountServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINLOOP_TOKEN", bearer_of(account_server, account_server.owner))
    monkeypatch.setenv("CHAINLOOP_CONTROL_PLANE_API", account_server.grpc)
    monkeypatch.setenv("CHAINLOOP_API_INSECURE", "true")
    found = modules("chainloop", "organization", "describe")
    assert "grpc" in found
    # Of urllib.request no more than its parent may be there: it brings HTTP, e-mail and archives with it.
    unused = {
        "urllib.request", "http.client", "email", "hashlib", "keyring", "httpx", "joserfc",
        "app.domain.keyless", "app.domain.preview", "app.domain.inactivity", "app.domain.status",
        "app.services.threshold", "app.services.tokens",
    }  # fmt: skip
    assert found & unused == set()


def test_no_garbage_is_looked_for_while_a_command_loads(
    account_server: AccountServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAINLOOP_TOKEN", bearer_of(account_server, account_server.owner))
    monkeypatch.setenv("CHAINLOOP_CONTROL_PLANE_API", account_server.grpc)
    monkeypatch.setenv("CHAINLOOP_API_INSECURE", "true")
    program = (
        "import gc\nfrom app.__main__ import main\n"
        "looked = []\n"
        "def note(phase, what): looked.append(gc.get_count()[0])\n"
        "gc.callbacks.append(note)\n"
        "code = main(['chainloop', 'organization', 'describe'])\n"
        # The few things that were there before `main`, at once; nothing after that.
        "print('looked at:', code, max(looked, default=0))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )  # fmt: skip
    _, _, code, most = run.stdout.splitlines()[-1].split()
    assert int(code) == 0
    assert int(most) < 2000
