"""Exporting what the list shows."""

import csv
import json
from pathlib import Path

from textual.widgets import Input

from app.screens.export_tokens import ExportDialog
from tests.support.rooms import SIZE, Room, stage


async def test_what_is_shown_is_what_is_written(tmp_path: Path) -> None:
    """The filter and the order count; the name follows the format; nothing is ever replaced."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash")
        await room.write("project:web")
        await room.press("enter", "ctrl+s")
        await room.dialog(ExportDialog)
        await room.reads("Export 6 tokens")
        field = room.find("#export-path", Input)
        assert field.value == "tokens-acme-2026-03-14.csv"
        await room.press("right")
        assert field.value == "tokens-acme-2026-03-14.json"
        await room.press("left")
        target = tmp_path / "list.csv"
        target.write_text("mine")
        field.value = str(target)
        field.focus()
        await room.press("enter")
        await room.reads("exists already")
        assert target.read_text() == "mine"
        target.unlink()
        await room.press("enter")
        await room.closed()
        assert "6 tokens written to" in room.toasts()
        with target.open() as file:
            assert [line["name"] for line in csv.DictReader(file)] == room.names()


async def test_an_empty_list_is_a_file_too(tmp_path: Path) -> None:
    """With its time and its threshold."""
    async with stage().run_test(size=SIZE) as pilot:
        room = Room(pilot)
        await room.until(room.names)
        await room.press("slash", *"zzz", "enter", "ctrl+s")
        await room.dialog(ExportDialog)
        await room.press("right")
        field = room.find("#export-path", Input)
        field.value = str(tmp_path / "none.json")
        field.focus()
        await room.press("enter")
        await room.closed()
        assert json.loads((tmp_path / "none.json").read_text())["threshold_days"] == 90
