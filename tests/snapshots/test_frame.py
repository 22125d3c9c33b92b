"""Pictures of the frame, Accounts, the sign-in, Activity, help and palette."""

from collections.abc import Callable

import pytest

from tests.support.pictures import PICTURES
from tests.support.scenes import LARGE, SCENES, SMALL, Size

_BOTH = (("loopin-dark", SMALL), ("loopin-light", LARGE))
_OTHERS = (("loopin-light", SMALL), ("loopin-dark", LARGE))
_MAIN = ("accounts", "login", "login-progress", "login-done", "activity")
# Every new command moves the help's scroll bar; tests/ui/test_help.py looks at its words instead.
_STEADY = [name for name in SCENES if name != "help"]
CASES = [
    (name, theme, size)
    for names, looks in ((_STEADY, _BOTH), (_MAIN, _OTHERS))
    for name in names
    for theme, size in looks
    # A large picture of it, in every look, is in screenshots/.
    if size != LARGE or name not in PICTURES
]


@pytest.mark.parametrize(
    ("name", "theme", "size"),
    CASES,
    ids=[f"{name}-{theme}-{size[0]}x{size[1]}" for name, theme, size in CASES],
)
def test_it_looks_as_before(snap_compare: Callable[..., bool], name: str, theme: str, size: Size) -> None:
    """Every scene, small and large, dark and light."""
    scene = SCENES[name]
    assert snap_compare(scene.make(theme), press=scene.keys, terminal_size=size, run_before=scene.then)
