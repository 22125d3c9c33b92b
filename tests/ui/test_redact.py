"""`--redact`: nothing on any screen tells whose it is."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.adapters.chainloop.vendor_login import VendorLoginFile
from app.domain.organizations import Person
from app.domain.redact import Redactor
from app.domain.tokens import Project
from app.tui.app import LoopinApp
from tests.support import app as fakes
from tests.support import idle, scenes, scenes_rooms
from tests.support.pages.page import SIZE, Page
from tests.support.rooms import at_tokens, story
from tests.support.sample_tokens import tokens
from tests.support.server import ROOT
from widgets.presenter import clean

pytestmark = pytest.mark.slow

SCENES = {**scenes.SCENES, **scenes_rooms.SCENES}
# A person types these into the scene, or they are the demo's own words.
TYPED = re.compile(
    r"create|filter|sort|demo|first-start|login|help|palette|reveal|countdown|results|export|revoke-parent|revoke-children|rotate-latest"
)
NEVER = {
    "acme", "globex", "ada@", "Ada", "acme.example",
    *(t.name for t in (*tokens(fakes.NOW), *fakes.FakeControlPlane().tokens)),
    *(t.id[:13] for t in (*tokens(fakes.NOW), *fakes.FakeControlPlane().tokens)),
    *(t.description for t in tokens(fakes.NOW) if len(t.description) > 12),
}  # fmt: skip


def redacted(app: LoopinApp) -> LoopinApp:
    """The same app, started with --redact."""
    box = app.container
    assert isinstance(box, fakes.FakeContainer)
    box.settings = replace(box.settings, redact=True)
    return LoopinApp(box, screen=app._first_mode, demo=app.demo)


@pytest.mark.parametrize("name", [name for name in SCENES if not TYPED.search(name)])
async def test_no_screen_shows_a_name_an_address_or_an_id(name: str) -> None:
    scene = SCENES[name]
    app = redacted(scene.make("loopin-dark"))
    with idle.exact():
        async with app.run_test(size=SIZE) as pilot:
            await scene.play(pilot)
            seen = Page(pilot).text()
    words = set(re.findall(r"[\w@.-]+", seen))
    leaks = {secret for secret in NEVER if (secret in words if len(secret) < 8 else secret in seen)}
    assert not leaks, seen


async def test_what_is_done_is_done_to_the_real_thing() -> None:
    """The stand-in is what one types; the real token is revoked, copied and written into the trail."""
    box = story()
    box.settings = replace(box.settings, redact=True)
    async with at_tokens(box) as tokens:
        await tokens.copy_name()
        await tokens.until(lambda: box.fake_clipboard.copied)
        assert box.fake_clipboard.copied == [tokens.under_cursor()]
        question = await tokens.revoke()
        await question.yes()
        await tokens.until(lambda: any(line.subject == "ci-legacy" for line in box.fake_activity.lines))


def test_what_is_read_to_be_used_is_not_masked(tmp_path: Path) -> None:
    """The organization of a login that is taken over is sent to the server, and stored."""
    redacted(fakes.app())
    file = tmp_path / "config.toml"
    file.write_text('organization = "acme.io"\n[auth]\ntoken = "not-a-real-token"\n')
    login = VendorLoginFile(fakes.claims_of, file).read()
    assert login.organization == "acme.io"
    assert clean(login.organization) == "host-1"


def test_everything_that_the_screen_shows_passes_the_presenter() -> None:
    """`clean` of the domain knows no mask; `app.tui` and `widgets` use the presenter's."""
    files = [*(ROOT / "app" / "tui").rglob("*.py"), *(ROOT / "widgets").glob("*.py")]
    unmasked = re.compile(r"from app\.domain\.text import [^\n]*\bclean\b")
    assert [str(file) for file in files if unmasked.search(file.read_text())] == []


def test_the_fields_of_a_named_tuple_are_learnt_by_name() -> None:
    redactor = Redactor()
    redactor.learn([Project("some-id", "checkout"), Person("p-1", "person@example", last_name="Sample")])
    assert re.fullmatch(r"name-\d", redactor.mask("checkout"))
    assert re.fullmatch(r"id-\d", redactor.mask("some-id"))
    assert re.fullmatch(r"name-\d", redactor.mask("Sample"))


def test_stand_ins_stay_the_same_and_sentences_keep_their_words() -> None:
    redactor = Redactor()
    redactor.learn(tokens(fakes.NOW))
    token = tokens(fakes.NOW)[0]
    name = redactor.mask(token.name)
    assert re.fullmatch(r"name-\d+", name)
    assert redactor.mask(f"{token.name} was revoked") == f"{name} was revoked"
    assert redactor.mask("mail bo@globex.example at once") == "mail user-1 at once"
    assert redactor.mask("api.globex.example:443 does not answer") == "host-1 does not answer"
    assert redactor.mask("http://127.0.0.1:8765/callback, see config.toml") == (
        "http://127.0.0.1:8765/callback, see config.toml"
    )
