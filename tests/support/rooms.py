"""The Tokens and the Auto-revoke room with the sample story."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.domain.claims import ACCOUNT_SERVER
from app.domain.secret import Secret
from app.tui.app import LoopinApp
from tests.support import app as fakes
from tests.support.pages.page import SIZE, opened
from tests.support.pages.rooms import AutoRevokePage
from tests.support.pages.tokens import TokensPage
from tests.support.sample_tokens import WEB, tokens


def stage(box: fakes.FakeContainer | None = None, *, screen: str = "tokens", demo: bool = False) -> LoopinApp:
    """The app on the fakes, in one of the rooms."""
    return fakes.app(box or story(), screen=screen, demo=fakes.FakeDemo() if demo else None)


def story() -> fakes.FakeContainer:
    """Signed in as Ada, owner, with the sample tokens."""
    box = fakes.container()
    box.plane.tokens = list(tokens(fakes.NOW))
    return box


def children(box: fakes.FakeContainer) -> fakes.FakeContainer:
    """Let ops-backup have rotated itself, and created two tokens, of which one created another."""
    parent = next(token for token in box.plane.tokens if token.name == "ops-backup")
    made = replace(parent, created_at=fakes.NOW - timedelta(days=40), last_used_at=fakes.NOW)
    box.plane.tokens += [
        replace(made, id="c-1", name="backup-nas", project=WEB, parent_id=parent.id),
        replace(made, id="c-2", name="backup-tape", project=WEB, parent_id=parent.id),
        replace(made, id="c-3", name="backup-verify", project=WEB, parent_id="c-2"),
        replace(made, id="c-4", name="ops-backup-2026-02", parent_id=parent.id),
    ]
    return box


def limited(days: float, box: fakes.FakeContainer | None = None) -> fakes.FakeContainer:
    """Under an API token of the account server that ends in so many days."""
    box = box or fakes.container(environment=fakes.CI_TOKEN)
    end = {"iss": ACCOUNT_SERVER, "exp": int((fakes.NOW + timedelta(days=days)).timestamp())}

    def claims(token: Secret) -> Mapping[str, Any]:
        told = fakes.claims_of(token)
        return {**told, **end} if token == fakes.CI_TOKEN else told

    box.claims = claims
    return box


def at_tokens(
    box: fakes.FakeContainer | None = None, size: tuple[int, int] = SIZE
) -> AbstractAsyncContextManager[TokensPage]:
    """The Tokens room, as soon as it has read what it shows."""
    return opened(TokensPage, stage(box), size)


def at_threshold(
    box: fakes.FakeContainer | None = None, size: tuple[int, int] = SIZE, *, demo: bool = False
) -> AbstractAsyncContextManager[AutoRevokePage]:
    """The Auto-revoke room, as soon as it has read what it shows."""
    return opened(AutoRevokePage, stage(box, screen="auto_revoke", demo=demo), size)
