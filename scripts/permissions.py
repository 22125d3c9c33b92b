"""Writes the tables of docs/permissions.md from the table that the tests hold the server to."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.support.permission_table import as_markdown  # noqa: E402 - the path comes first

PAGE = ROOT / "docs" / "permissions.md"
MARK = "<!-- made by scripts/permissions.py; a test compares -->\n"


def renewed(page: str) -> str:
    """The page with today's tables behind the mark."""
    return page.partition(MARK)[0] + MARK + "\n" + as_markdown()


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
