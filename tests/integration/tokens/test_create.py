"""A token that a command creates, and a process that is killed meanwhile."""

from app.domain.activity import Outcome
from tests.integration.tokens.test_bulk import TOKENS, begin, kill, trail
from tests.support.between import Between
from tests.support.cli import Loopin


def test_killed_while_it_is_made_it_is_told_until_it_is_revoked(
    owner: Loopin, proxy: Between, stem: str
) -> None:
    """The server made it, and nobody heard its secret."""
    proxy.after = lambda method, count, context: proxy.hold(context) if method == "Create" else None
    child = begin(owner, "create", "--name", stem, "--expiration", "1d")
    proxy.until_held(1)
    assert "interrupted" not in owner(*TOKENS, "list").works().err
    kill(child, proxy, 1)
    for arguments in (("list",), ("list", "--project", "web")):
        told = owner(*TOKENS, *arguments).works().err
        assert f"interrupted: creating {stem}, begun " in told
        assert "it is active (" in told
    (made,) = owner(*TOKENS, "list", "--filter", f"name:{stem}", "-o", "json").works().json
    owner(*TOKENS, "revoke", "--id", made["id"], "--yes").works()
    assert owner(*TOKENS, "list").works().err == ""
    ends = [line for line in trail(owner) if line["action"] == "create"]
    assert ends[-1]["outcome"] == Outcome.FAILED.value
    assert ends[-1]["detail"] == "interrupted; the list shows that it is revoked"


def test_killed_before_the_server_made_it_there_is_nothing_to_tell(
    owner: Loopin, proxy: Between, stem: str
) -> None:
    proxy.before = lambda method, count, context: proxy.hold(context) if method == "Create" else None
    child = begin(owner, "create", "--name", stem, "--expiration", "1d")
    proxy.until_held(1)
    kill(child, proxy, 1)
    assert owner(*TOKENS, "list").works().err == ""
    assert trail(owner)[-1]["detail"] == "interrupted; the list does not have it"


def test_one_that_was_printed_is_over(owner: Loopin, stem: str) -> None:
    owner(*TOKENS, "create", "--name", stem, "--expiration", "1d").works()
    assert [line["outcome"] for line in trail(owner)] == ["started", "started", "done"]
    assert owner(*TOKENS, "list").works().err == ""
