"""Pictures of the Tokens and of the Auto-revoke room."""

from collections.abc import Callable

import pytest

from tests.support.scenes import LARGE, SMALL, Size
from tests.support.scenes_rooms import SCENES

_BOTH = (("loopin-dark", SMALL), ("loopin-light", LARGE))
_OTHERS = (("loopin-light", SMALL), ("loopin-dark", LARGE))
_MAIN = ("auto-revoke", "auto-revoke-save")
_TOKENS = ("tokens", "create", "reveal", "revoke", "rotate", "export")
CASES = [
    *((name, theme, size) for name in SCENES for theme, size in _BOTH),
    *((n, theme, size) for n in SCENES if n in _MAIN or n.startswith(_TOKENS) for theme, size in _OTHERS),
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
