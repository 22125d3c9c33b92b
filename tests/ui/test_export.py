"""Exporting what the list shows."""

import csv
import json
from pathlib import Path

from tests.support.rooms import at_tokens


async def test_what_is_shown_is_what_is_written(tmp_path: Path) -> None:
    """The filter and the order count; the name follows the format; nothing is ever replaced."""
    async with at_tokens() as tokens:
        await tokens.filter("project:web")
        await tokens.to_list()
        file = await tokens.export()
        await file.reads("Export 6 tokens")
        assert file.path() == "tokens-acme-2026-03-14.csv"
        await file.next_format()
        assert file.path() == "tokens-acme-2026-03-14.json"
        await file.previous_format()
        target = tmp_path / "list.csv"
        target.write_text("mine")
        await file.write_to(str(target))
        await file.reads("exists already")
        assert target.read_text() == "mine"
        target.unlink()
        await file.enter()
        await tokens.closed()
        assert "6 tokens written to" in tokens.toasts()
        with target.open() as written:
            assert [line["name"] for line in csv.DictReader(written)] == tokens.names()


async def test_an_empty_list_is_a_file_too(tmp_path: Path) -> None:
    """With its time and its threshold."""
    async with at_tokens() as tokens:
        await tokens.filter("zzz")
        await tokens.to_list()
        file = await tokens.export()
        await file.next_format()
        await file.write_to(str(tmp_path / "none.json"))
        await tokens.closed()
        assert json.loads((tmp_path / "none.json").read_text())["threshold_days"] == 90
