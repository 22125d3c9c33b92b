#!/usr/bin/env python3
"""Write docs/loopin.1 from the commands, and the table in docs/configuration.md from app/settings.py.

With --check, fail when one is stale.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.cli.groups import LazyGroup, SharedOption  # noqa: E402 - the path comes first
from app.cli.root import tree  # noqa: E402
from app.settings import TABLE  # noqa: E402

PAGE = ROOT / "docs" / "loopin.1"
SETTINGS = ROOT / "docs" / "configuration.md"
BETWEEN = re.compile(r"(<!-- settings:[^\n]*-->\n).*?(<!-- /settings -->)", re.DOTALL)
CODES = (
    ("0", "done"),
    ("1", "refused by the server, or failed"),
    ("2", "bad usage; nothing was sent"),
    ("3", "not signed in"),
    ("4", "no usable keychain"),
    ("5", "unreachable"),
    ("6", "partly done"),
    ("7", "a check found something"),
    ("129, 130, 143", "stopped by SIGHUP, by ctrl+c, by SIGTERM"),
)


def man_page() -> str:
    """The page in man(7) macros."""
    lines = [
        '.\\" Made by scripts/man.py; a test compares.',
        ".TH LOOPIN 1",
        ".SH NAME",
        "loopin \\- account manager for Gumloop and Chainloop",
        ".SH SYNOPSIS",
        ".B loopin",
        "[command] [options]",
        ".SH DESCRIPTION",
        _text("Without a command, the full-screen app opens. Everything else is for scripts."),
        ".SH COMMANDS",
        *_commands(tree, "loopin"),
        ".SH ENVIRONMENT",
        *(
            line
            for row in TABLE.values()
            if row.variable
            for line in _item(row.variable, _sentence(row.help))
        ),
        *_item("NO_COLOR", "No colour; every state has a glyph and a word."),
        ".SH EXIT STATUS",
        *(line for code, what in CODES for line in _item(code, what)),
        ".SH FILES",
        *_item("~/.config/loopin/config.toml", "Settings. No secrets."),
        *_item("~/.local/state/loopin/", "The activity trail, locks, logs."),
    ]
    return "\n".join(lines) + "\n"


def _commands(group: LazyGroup, path: str) -> Iterator[str]:
    for entry in group.entries:
        command, name = entry.load(), f"{path} {entry.name}"
        if isinstance(command, LazyGroup):
            if command.invoke_without_command:
                yield from _leaf(command, name)
            yield from _commands(command, name)
        elif isinstance(command, click.Group):
            yield from _leaf(command, name)
            context = click.Context(command)
            for inner in command.list_commands(context):
                if (found := command.get_command(context, inner)) is not None:
                    yield from _leaf(found, f"{name} {inner}")
        else:
            yield from _leaf(command, name)


def _leaf(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name)
    yield f".SS {_text(' '.join([name, *command.collect_usage_pieces(context)]))}"
    yield _text(" ".join((command.help or "").split()))
    for param in command.params:
        record = param.get_help_record(context)
        if record is not None and isinstance(param, click.Option) and not isinstance(param, SharedOption):
            yield from _item(*record)


def _item(term: str, words: str) -> Iterator[str]:
    yield ".TP"
    yield f".B {_text(term)}"
    yield _text(" ".join(words.split()))


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _text(words: str) -> str:
    """Escape what roff would read as a macro or a hyphenation point (groff_char(7))."""
    escaped = words.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in {".", "'"} else escaped


def settings_page() -> str:
    """docs/configuration.md with the table as it is now."""
    rows = [
        "| In config.toml | Variable | Default | What it is |",
        "|---|---|---|---|",
        *(
            f"| {_code(row.key)} | {_code(row.variable)} | {_code(row.default)} | {row.help} |"
            for row in TABLE.values()
        ),
    ]
    table = "\n".join(rows)
    return BETWEEN.sub(lambda found: f"{found[1]}{table}\n{found[2]}", SETTINGS.read_text(encoding="utf-8"))


def _code(text: str) -> str:
    return f"`{text}`" if text else ""


def main() -> int:
    """Write, or compare."""
    made = {PAGE: man_page(), SETTINGS: settings_page()}
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{path.relative_to(ROOT)} is stale: run scripts/man.py")
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
