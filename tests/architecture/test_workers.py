"""Which workers may be cancelled for a newer one: those that read, and nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
READS = {
    "clipboard": "the clipboard is emptied later when something else was copied since",
    "countdown": "nothing happens before its end",
    "describe": "reads the organization",
    "finish": "builds rows",
    "hide": "hides a token later when it is shown again",
    "inspect": "reads the CI identity",
    "list": "reads a list",
    "offer": "finds a name for a file",
    "login": "follows a sign-in; what must not be cut is shielded in its service",
    "accounts": "looks at the accounts",
    "print": "shows an address outside the app",
    "probe": "looks at the keychain",
    "read": "reads the saved filters",
    "servers": "reads where a sign-in goes",
    "tour": "presses keys",
    "trail": "reads the activity",
}


def exclusive_groups(tree: ast.AST) -> Iterator[str]:
    """The groups of workers that are a `read` or are started with `exclusive=True`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            arguments = {keyword.arg: keyword.value for keyword in node.keywords}
            exclusive, group = arguments.get("exclusive"), arguments.get("group")
            is_read = isinstance(node.func, ast.Name) and node.func.id == "read" and group is not None
            if is_read or (isinstance(exclusive, ast.Constant) and exclusive.value is True):
                yield str(group.value) if isinstance(group, ast.Constant) else "?"


def test_only_what_reads_is_cancelled_for_a_newer_one() -> None:
    """What changes something is a `change` (app/tui/screens/workers.py): one at a time, to its end."""
    found = {
        f"{path.relative_to(ROOT)}: {group}"
        for folder in ("app", "widgets")
        for path in (ROOT / folder).rglob("*.py")
        for group in exclusive_groups(ast.parse(path.read_text(encoding="utf-8")))
        if group not in READS
    }
    assert found == set()
