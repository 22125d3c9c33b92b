"""Each command imports only what it needs, and help costs nothing."""

import subprocess
import sys

import pytest

from app.cli.groups import Entry, LazyGroup
from app.cli.root import tree
from tests.support.server import ROOT

ADAPTERS = {"grpc", "keyring", "authlib", "flask", "sqlalchemy", "httpx", "textual", "joserfc", "google"}


def loaded(*arguments: str) -> set[str]:
    program = (
        "import sys\nfrom app.__main__ import main\n"
        f"try: main({list(arguments)!r})\nexcept SystemExit: pass\n"
        "print('\\n' + ' '.join({n.partition('.')[0] for n, loaded in sys.modules.items() if loaded}))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL,
        check=True,
    )  # fmt: skip
    return set(run.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version"],
        ["--help"],
        ["chainloop", "organization", "api-token", "-h"],
        ["chainloop", "auth", "login", "--help"],
        ["chainloop", "organization", "update"],
        ["status", "--help"],
    ],
    ids=" ".join,
)
def test_no_adapter_is_loaded_for_help_or_bad_usage(arguments: list[str]) -> None:
    assert loaded(*arguments) & ADAPTERS == set()


def test_the_bare_command_does_not_load_click() -> None:
    assert "click" not in loaded()


def test_commands_never_load_the_screens() -> None:
    assert "textual" not in loaded("status")


def test_the_offline_status_loads_nothing_of_the_network() -> None:
    assert loaded("status", "--offline", "--json") & {"httpx", "grpc", "authlib", "filelock"} == set()


def leaves(group: LazyGroup, path: str) -> list[tuple[str, Entry]]:
    found: list[tuple[str, Entry]] = []
    for entry in group.entries:
        command = entry.load()
        name = f"{path} {entry.name}"
        found += leaves(command, name) if isinstance(command, LazyGroup) else [(name, entry)]
    return found


def test_every_command_exists_says_what_it_does_and_takes_debug() -> None:
    names = []
    for name, entry in leaves(tree, "loopin"):
        command = entry.load()
        names.append(name)
        assert command.help, name
        assert entry.help, name
        options = {option for param in command.params for option in param.opts}
        if name not in {"loopin server"}:
            assert "--debug" in options, name
        if name.startswith("loopin chainloop"):
            assert options >= {
                "--token", "-t", "--control-plane", "--control-plane-ca", "--insecure", "-i", "--org", "-n",
                "--max-recv-msg-size", "--profile", "--yes", "-y", "--output", "-o",
            }, name  # fmt: skip
    assert len(names) >= 12


def test_every_command_is_documented() -> None:
    text = (ROOT / "docs" / "commands.md").read_text()
    missing = [name for name, _ in leaves(tree, "loopin") if f"`{name}" not in text]
    assert missing == []
