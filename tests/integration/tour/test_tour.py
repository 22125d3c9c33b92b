"""The tour from its first to its last caption: the real app on the real sample server."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app.demo import sample_server
from app.demo.tour.player import TourApp, keys_of
from app.demo.tour.script import CHAPTERS, SCRIPT, SIGN_IN, Beat
from app.demo.tour.start import container
from app.domain.tokens import StatusFilter
from tests.support.pages.page import SIZE
from tests.support.pages.tour import TourPage

pytestmark = pytest.mark.slow

SPEED = 60.0
PATIENCE = 120.0
IDLE = {"ci-legacy", "ml-training-2024", "ci-staging", "pentest-spring"}


class Notes:
    """What stood on the screen when a caption came up."""

    def __init__(self) -> None:
        self.page: TourPage
        self.seen: dict[str, Any] = {}

    def __call__(self, beat: Beat) -> None:
        assert self.page.captions()[-1:] == [beat.caption]
        self.seen[beat.name] = self.page.looks_at()


async def test_the_tour_signs_in_revokes_what_nobody_uses_and_moves_the_threshold(tmp_path: Path) -> None:
    notes = Notes()
    with sample_server.sample_server(tmp_path) as server:
        box = container(tmp_path, server, SPEED)
        app = TourApp(box, server, speed=SPEED, seen=notes)
        async with app.run_test(size=SIZE) as pilot:
            notes.page = tour = TourPage(pilot)
            async with asyncio.timeout(PATIENCE):
                await tour.played()
            assert tour.captions() == []
            left = {token.name for token in (await box.tokens.list_tokens(StatusFilter.ACTIVE)).tokens}
            threshold = (await box.organizations.describe_organization()).identity.threshold
    seen = notes.seen
    assert list(seen) == [beat.name for beat in SCRIPT]
    assert seen["watch"].identity == server.email
    assert seen["unused"] == seen["marked"] == IDLE
    assert IDLE & seen["gone"] == set()
    assert IDLE & left == set(), "at the server, too"
    assert seen["tokens"] == seen["gone"] | IDLE
    assert seen["365"][0] == set()
    assert {"grafana", "backup-check"} <= seen["90"][0] < seen["30"][0]
    assert len({fates for _, fates in (seen["365"], seen["90"], seen["30"])}) == 3
    assert threshold == 90, "looking changes nothing"


async def test_a_key_pauses_another_goes_on_and_escape_takes_over(tmp_path: Path) -> None:
    with sample_server.sample_server(tmp_path) as server:
        box = container(tmp_path, server, 1.0)
        app = TourApp(box, server, script=SIGN_IN[:1])
        async with app.run_test(size=SIZE) as pilot:
            tour = TourPage(pilot)
            await tour.ready()
            await tour.press("x")
            assert tour.is_paused()
            await tour.press("2")
            assert not tour.is_paused()
            assert app.current_mode == "accounts", "the key that goes on does nothing else"
            await tour.press("x", "escape")
            await tour.until(lambda: not app.playing)
            await tour.press("2")
            assert app.current_mode == "tokens"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_every_beat_has_a_name_of_its_own_and_fits_on_a_line(chapter: str) -> None:
    beats = CHAPTERS[chapter]
    assert len({beat.name for beat in SCRIPT}) == len(SCRIPT)
    assert all(0 < len(beat.caption) <= 110 for beat in beats)


def test_keys_are_written_as_they_are_typed() -> None:
    assert list(keys_of("/a>4 <ctrl+d>-")) == [
        ("slash", "/"),
        ("a", "a"),
        ("greater_than_sign", ">"),
        ("4", "4"),
        ("space", " "),
        ("ctrl+d", None),
        ("minus", "-"),
    ]
