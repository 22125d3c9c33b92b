"""OSC 52, bare and through tmux."""

import base64

from app.tui.terminal_clipboard import sequence


def test_the_bare_sequence_carries_base64() -> None:
    text = sequence(b"not-a-real-token", tmux=False)
    assert text.startswith("\x1b]52;c;")
    assert base64.b64decode(text[7:-1]) == b"not-a-real-token"


def test_under_tmux_it_is_sent_both_ways() -> None:
    bare, wrapped = sequence(b"x", tmux=False), sequence(b"x", tmux=True)
    assert wrapped.startswith(bare)
    assert wrapped.endswith("\x1b\\")
    assert "\x1bPtmux;\x1b\x1b]52;c;" in wrapped
