"""Pictures of the Tokens and of the Auto-revoke room."""

from collections.abc import Callable

import pytest

from tests.support.pictures import snapshots_of
from tests.support.scenes import Size
from tests.support.scenes_rooms import SCENES

pytestmark = pytest.mark.slow

CASES = snapshots_of(SCENES)


@pytest.mark.parametrize(
    ("name", "theme", "size"),
    CASES,
    ids=[f"{name}-{theme}-{size[0]}x{size[1]}" for name, theme, size in CASES],
)
def test_it_looks_as_before(snap_compare: Callable[..., bool], name: str, theme: str, size: Size) -> None:
    """Every scene, small and dark, large and light; what screenshots/ shows is compared there."""
    scene = SCENES[name]
    assert snap_compare(scene.make(theme), terminal_size=size, run_before=scene.play)
