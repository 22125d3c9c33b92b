"""What a call's metadata becomes when a key comes more than once."""

from types import SimpleNamespace

import pytest

from app.server.rpc.gate import _call
from app.server.rpc.refusal import Refusal


def context(*pairs: tuple[str, str | bytes]) -> SimpleNamespace:
    return SimpleNamespace(invocation_metadata=lambda: pairs, peer=lambda: "ipv4:127.0.0.1:5000")


def test_every_proxy_may_add_an_entry() -> None:
    pairs = (("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.0.0.1, 10.0.0.2"))
    assert _call("m", context(*pairs)).metadata == {"x-forwarded-for": "192.0.2.1,10.0.0.1, 10.0.0.2"}


@pytest.mark.parametrize("name", ["authorization", "chainloop-organization"])
def test_what_decides_comes_once(name: str) -> None:
    assert _call("m", context((name, "a"))).metadata == {name: "a"}
    with pytest.raises(Refusal, match="INVALID_ARGUMENT"):
        _call("m", context((name, "a"), (name, "a")))


def test_other_keys_and_bytes_change_nothing() -> None:
    pairs = (("user-agent", "a"), ("user-agent", "b"), ("trace-bin", b"x"), ("trace-bin", b"y"))
    assert _call("m", context(*pairs)).metadata == {"user-agent": "b"}
