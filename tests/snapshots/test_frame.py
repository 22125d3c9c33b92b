"""Pictures of the frame, Accounts, the sign-in, Activity, help and palette."""

from collections.abc import Callable

import pytest

from tests.support.pictures import snapshots_of
from tests.support.scenes import SCENES, Size

pytestmark = pytest.mark.slow

# Every new command moves the help's scroll bar; tests/ui/test_help.py looks at its words instead.
CASES = snapshots_of(name for name in SCENES if name != "help")


@pytest.mark.parametrize(
    ("name", "theme", "size"),
    CASES,
    ids=[f"{name}-{theme}-{size[0]}x{size[1]}" for name, theme, size in CASES],
)
def test_it_looks_as_before(snap_compare: Callable[..., bool], name: str, theme: str, size: Size) -> None:
    """Every scene, small and dark, large and light; what screenshots/ shows is compared there."""
    scene = SCENES[name]
    assert snap_compare(scene.make(theme), terminal_size=size, run_before=scene.play)
