"""The recordings in docs/recordings/ play in a terminal, tell their chapter of the tour, and keep secrets."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyte
import pytest

from app.demo.tour.script import CHAPTERS
from tests.support import recorder

pytestmark = pytest.mark.slow

IDLE = ("ci-legacy", "ml-training-2024", "ci-staging", "pentest-spring")
# Words on the screens of a chapter, in the order in which they must be seen.
TOLD = {
    "sign-in": (
        "Nobody is signed in", "Browser login", "Waiting for you to allow access",
        "Signed in to Chainloop as ada@acme.example", "in effect: no --token",
    ),
    "revoke": (
        "23 shown", "idle>90d", "4 of 23", "4 marked", "Type 4 acme", "Revoking 4 tokens", "in 9 s",
        "4 of 4 tokens are revoked", "19 shown",
    ),
    "threshold": (
        "[90]", "At 365 days: 0 due now", "At 90 days:", "At 30 days:", "Saved: 90 days.",
    ),
}  # fmt: skip


@dataclass
class Played:
    """A recording in an emulated terminal: what stood on it after each event, on one line."""

    header: dict[str, object]
    times: list[float] = field(default_factory=list)
    screens: list[str] = field(default_factory=list)


def file_of(chapter: str) -> Path:
    """Where the chapter is."""
    return recorder.FOLDER / f"{chapter}.cast"


def play(chapter: str) -> Played:
    """From the first to the last event (asciicast v2, "File format")."""
    first, *lines = file_of(chapter).read_text(encoding="utf-8").splitlines()
    played = Played(json.loads(first))
    screen = pyte.Screen(*recorder.SIZE)
    terminal = pyte.Stream(screen)
    for line in lines:
        at, kind, data = json.loads(line)
        assert kind == "o"
        terminal.feed(data)
        played.times.append(at)
        played.screens.append(" ".join(" ".join(screen.display).split()))
    return played


def in_order(words: tuple[str, ...], screens: list[str]) -> Iterator[str]:
    """The words that are not on any screen from the one on which the last ones were."""
    at = 0
    for sought in words:
        found = next((n for n in range(at, len(screens)) if sought in screens[n]), None)
        if found is None:
            yield sought
        else:
            at = found


def test_every_chapter_of_the_tour_is_recorded_and_nothing_else() -> None:
    assert {file.stem for file in recorder.FOLDER.glob("*")} == set(CHAPTERS)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_recording_is_a_well_formed_asciicast_of_its_own_time(chapter: str) -> None:
    played = play(chapter)
    columns, rows = recorder.SIZE
    assert played.header == {
        "version": 2,
        "width": columns,
        "height": rows,
        "title": recorder.TITLES[chapter],
    }
    assert played.times == sorted(played.times)
    told = sum(beat.seconds for beat in CHAPTERS[chapter])
    assert told <= played.times[-1] <= told + 20


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_recording_shows_what_the_tour_promises(chapter: str) -> None:
    screens = play(chapter).screens
    assert list(in_order(tuple(beat.caption for beat in CHAPTERS[chapter]), screens)) == []
    assert list(in_order(TOLD[chapter], screens)) == []
    assert CHAPTERS[chapter][-1].caption in screens[-1]
    assert TOLD[chapter][-1] in screens[-1]


def test_what_was_revoked_is_gone_at_the_end() -> None:
    screens = play("revoke").screens
    assert all(name in screens[0] or name in " ".join(screens) for name in IDLE)
    assert [name for name in IDLE if name in screens[-1]] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_secret_is_in_a_recording(chapter: str) -> None:
    """The sample password is on the demo's screens on purpose; a token of any kind is not."""
    text = file_of(chapter).read_text(encoding="utf-8").replace("demo-password-not-real", "")
    assert "not-a-real" not in text
    assert "eyJ" not in text
