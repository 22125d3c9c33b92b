#!/usr/bin/env python3
"""Write docs/keymap.md from the registry of commands. With --check, fail when it is stale."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from app.tui.commands.registry import (  # noqa: E402 - the path comes first
    Command,
    CommandGroup,
    commands,
)
from widgets.key_names import readable_all  # noqa: E402

HEAD = """# Keys

Made by `scripts/keymap.py` from the registry in `app/tui/commands/`; a test compares.

While an input has the focus every printable key is a letter. Any command can have other keys: write
them into `config.toml`, by the command's id. Two commands that work in the same place cannot share a
key; Loopin says which, and keeps the keys below until it is mended.

```toml
[keys]
"app.help" = "h,f1"
```
"""


def page() -> str:
    """The whole file."""
    return "\n".join([HEAD, *(table(group) for group in CommandGroup if commands(group))])


def table(group: CommandGroup) -> str:
    """One group's commands."""
    rows = [
        f"## {group.value.capitalize()}\n",
        "| Key | What it does | Command id | The same in a shell |",
        "|---|---|---|---|",
    ]
    return "\n".join([*rows, *(row(command) for command in commands(group)), ""])


def row(command: Command) -> str:
    """One line; a vertical bar would end the cell."""
    keys = " ".join(f"`{key}`" for key in readable_all(command.keys).split(" ")) if command.keys else ""
    cells = (
        keys,
        f"**{command.title}.** {command.help}",
        f"`{command.id}`",
        f"`{command.cli}`" if command.cli else "",
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def main() -> int:
    """Write, or compare."""
    target = ROOT / "docs" / "keymap.md"
    if "--check" in sys.argv[1:]:
        stale = not target.exists() or target.read_text(encoding="utf-8") != page()
        print("docs/keymap.md is stale: run scripts/keymap.py" if stale else "docs/keymap.md is up to date")
        return int(stale)
    target.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
