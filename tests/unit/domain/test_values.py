"""Names, text from outside, secrets, drafts, permissions, identities."""

import copy
import json
import pickle
import re
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.output import table
from app.domain import names, permissions
from app.domain.credentials import Endpoint, Provider
from app.domain.errors import LoopinError, UsageError
from app.domain.export import neutral
from app.domain.organizations import Identity, Role
from app.domain.secret import Secret
from app.domain.text import REPLACEMENT, clean
from app.domain.tokens import TokenDraft

LABEL = re.compile(r"\A[a-z0-9]([-a-z0-9]*[a-z0-9])?\Z")


@given(st.text() | st.from_regex(r"[a-z0-9-]{1,70}", fullmatch=True))
def test_a_name_is_a_dns_label_or_has_a_problem(name: str) -> None:
    good = bool(LABEL.match(name)) and len(name) <= 63
    assert (names.problem(name) == "") is good
    if good:
        assert names.check(name) == name
        return
    with pytest.raises(UsageError) as caught:
        names.check(name)
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("", "needed"),
        ("x" * 64, "64 characters"),
        ("CI", "capital"),
        ("-a", "first or last"),
        ("a-", "first or last"),
        ("a_b", "only a-z"),
        ("é", "only a-z"),
        ("a\n", "only a-z"),
        ("٣", "only a-z"),
    ],
)
def test_each_problem_is_named(name: str, word: str) -> None:
    assert word in names.problem(name)


@given(st.text(st.characters()), st.integers(2, 100))
def test_cleaned_text_cannot_move_or_turn_anything(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    unsafe = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    assert not {unicodedata.category(char) for char in cleaned if char not in "\u200c\u200d"} & unsafe
    assert clean(cleaned, limit) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",  # Persian: a non-joiner between two letters
        "\u0915\u094d\u200d\u0937",  # Devanagari: a joiner after a virama
        "\u0d28\u0d4d\u200d",  # Malayalam: at the end of a word
        "\U0001f469\u200d\U0001f4bb",  # a woman at a computer
        "\U0001f469\U0001f3fd\u200d\u2764\ufe0f\u200d\U0001f468",  # with a skin tone and a variation selector
    ],
)
def test_a_joiner_stays_where_a_script_or_an_emoji_needs_it(text: str) -> None:
    assert clean(text) == text
    assert neutral(text) == text
    assert table(("NAME",), [(text,)]).splitlines()[1] == text


@pytest.mark.parametrize(
    "text", ["ci{}web", "{}ci", "ci{}", "\u0441\u0438{}\u0441\u0438", "\u0645{0}{0}\u0645", "1{}2"]
)
@pytest.mark.parametrize("joiner", ["\u200c", "\u200d"])
def test_a_joiner_that_only_makes_two_names_look_alike_is_replaced(text: str, joiner: str) -> None:
    assert clean(text.format(joiner)) == text.format(REPLACEMENT)


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=400))
def test_harmless_text_is_left_alone(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    "attack",
    ["\x1b[2J", "\x1b]8;;http://x\x07", "\u202e", "\u2066", "\u200b", "\x00", "\x9b", "\r", "\ufeff", "\x7f"],
)
def test_terminal_tricks_do_not_survive(attack: str) -> None:
    cleaned = clean(f"a{attack}b")
    assert not any(char in cleaned for char in attack if not char.isprintable())
    assert cleaned.isprintable()


@given(st.text(min_size=1))
def test_a_secret_never_shows(value: str) -> None:
    secret = Secret(value)
    assert secret.reveal() == value
    shown = (
        repr(secret),
        str(secret),
        f"{secret}",
        f"{secret:>40}".strip(),
        f"{secret} {secret!r}",
        repr([secret]),
    )
    masked = {"Secret(…)", "Secret(…) Secret(…)", "[Secret(…)]"}
    assert set(shown) <= masked
    assert value == secret.hint.removeprefix("…") or len(secret.hint) <= 5


@given(st.text(min_size=1, max_size=60))
def test_a_hint_shows_four_characters_of_a_long_secret_at_most(value: str) -> None:
    tail = Secret(value).hint.removeprefix("…")
    assert tail == (value[-4:] if len(value) >= 16 else "")


def test_a_secret_cannot_be_written_anywhere_by_accident() -> None:
    secret = Secret("sample-secret-not-real")
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        copy.deepcopy(secret)
    with pytest.raises(TypeError):
        json.dumps({"token": secret})
    assert not hasattr(secret, "__dict__")
    with pytest.raises(ValueError, match="empty"):
        Secret("")


def test_secrets_compare_by_value() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"
    assert len({Secret("a"), Secret("a")}) == 1


@pytest.mark.parametrize(
    ("mine", "other", "same"),
    [
        (("a:443", False), ("A:443", False), True),
        (("https://a/", False), ("https://a", False), True),
        (("a:443", False), ("a:443", True), False),
        (("a:443", False), ("b:443", False), False),
        (("a:443", False), ("a:444", False), False),
    ],
)
def test_the_origin_is_address_and_tls_mode(
    mine: tuple[str, bool], other: tuple[str, bool], same: bool
) -> None:
    one, two = (Endpoint(Provider.CHAINLOOP, address, insecure) for address, insecure in (mine, other))
    assert one.same_origin(two) is same
    assert two.same_origin(one) is same
    assert not one.same_origin(Endpoint(Provider.GUMLOOP, mine[0], mine[1]))


def test_a_draft_refuses_what_no_server_takes() -> None:
    assert TokenDraft("ok", expires_in=timedelta(seconds=1)).check().name == "ok"
    for draft in (TokenDraft("No"), TokenDraft("ok", expires_in=timedelta(0))):
        with pytest.raises(UsageError):
            draft.check()


@given(st.lists(st.sampled_from(permissions.EVERY)))
def test_permissions_are_ordered_and_unique(wanted: list[str]) -> None:
    checked = permissions.check(wanted)
    assert set(checked) == set(wanted)
    assert list(checked) == [name for name in permissions.EVERY if name in set(wanted)]


def test_an_unknown_permission_is_named() -> None:
    with pytest.raises(UsageError, match="'root' is not a permission"):
        permissions.check(["api_token:list", "root"])


@pytest.mark.parametrize(
    ("role", "settings", "tokens", "project"),
    [
        (Role.OWNER, True, True, False),
        (Role.ADMIN, True, True, False),
        (Role.MEMBER, False, True, True),
        (Role.CONTRIBUTOR, False, True, True),
        (Role.VIEWER, False, False, False),
        (Role.UNKNOWN, False, True, False),
    ],
)
def test_what_each_role_may_do(role: Role, settings: bool, tokens: bool, project: bool) -> None:
    identity = Identity("ada", "acme", role, "browser login")
    assert (identity.why_no_settings() == "") is settings
    assert (identity.why_no_tokens() == "") is tokens
    assert identity.needs_project() is project


def test_without_an_organization_nothing_can_be_done_and_it_says_why() -> None:
    identity = Identity("ada", "", None, "browser login")
    assert identity.why_no_settings() == identity.why_no_tokens() == "no organization is selected"


def test_every_error_says_what_happened_and_what_next() -> None:
    error = LoopinError("it broke", hint="mend it")
    assert (str(error), error.message, error.hint) == ("it broke", "it broke", "mend it")
