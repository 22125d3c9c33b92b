"""The filter language: what it understands, what it finds, what it says of the rest."""

import signal
from dataclasses import replace
from datetime import timedelta
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import durations
from app.domain import filter as filters
from app.domain.filter import COMPARED, FIELDS, SCOPES, STATUSES, Filter, FilterProblem, Term, Text
from app.domain.token_index import TokenIndex
from app.domain.token_row import Sort, Tab, build_row
from tests.support.sample_tokens import NOW, token_id, tokens

BOOK = TokenIndex(tokens(), NOW, 90, timedelta(days=14))


def found(text: str) -> set[str]:
    """Names of the sample tokens that the filter lets through."""
    wanted = filters.parse(text)
    rows = list(BOOK.rows(Tab.ALL, Sort(), wanted))
    assert rows == [row for row in BOOK.rows(Tab.ALL, Sort()) if wanted.at(NOW)(row)]
    return {row.token.name for row in rows}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("status:revoked", {"release-bot", "ci-web-2025-12"}),
        ("status:expired", {"ml-batch-2025-09", "web-e2e-2025"}),
        ("status:expiring", {"ci-web-staging", "ci-web-preview", "ci-ml-train"}),
        ("name:ci-web*", {"ci-web", "ci-web-staging", "ci-web-preview", "ci-web-2025-12"}),
        ("name:ci-web* !status:revoked !name:*-*-*", {"ci-web"}),
        ("project:ml idle>100d", {"ml-migration", "ml-batch-2025-09"}),
        ("scope:org idle<1h", {"ci-release"}),
        ("scope:global idle<1h", {"ci-release"}),
        ("scope:organization idle<1h", {"ci-release"}),
        ("scope:project/ML idle>100d", {"ml-migration", "ml-batch-2025-09"}),
        ("never scope:project/m? !scope:project/web", {"ml-notebook"}),
        ("never scope:project", {"ml-notebook"}),
        ("!never idle>180d", {"ml-migration", "release-bot"}),
        ("expires<7d", {"ci-web-staging", "ci-web-preview", "ci-ml-train"}),
        ("expires<2w status:active project:web", {"ci-web-staging", "ci-web-preview"}),
        ("expires>30w !expires>1y", {"renovate", "terraform"}),
        ('description:"nightly"', {"ci-ml-train"}),
        ('"acme/web, staging"', {"ci-web-staging"}),
        ("OLD jenkins", {"ci-legacy"}),
        (f"id:{token_id(7)}", {"ci-legacy"}),
        ("c?-release", {"ci-release", "release-bot"}),
    ],
)
def test_it_finds(text: str, names: set[str]) -> None:
    """The examples of the documentation among them."""
    assert found(text) == names


@pytest.mark.parametrize(
    ("text", "term", "start", "said"),
    [
        ("web colour:red", "colour:red", 4, "there is no field colour"),
        ("idle>soon", "idle>soon", 0, "a duration must follow"),
        ("x idle>30", "idle>30", 2, "a duration must follow"),
        ("created>3d", "created>3d", 0, "only idle and expires can be compared"),
        ("status:gone", "status:gone", 0, "status is one of active, expired"),
        ("scope:team", "scope:team", 0, "scope is one of global, org, organization, project, project/NAME"),
        ("scope:project/", "scope:project/", 0, "scope is one of"),
        ("name:", "name:", 0, "a text must follow"),
        ("ci !", "!", 3, "a term must follow"),
        ('name:"open', 'name:"open', 0, "the quotes do not match"),
        (":x", ":x", 0, "there is no field"),
    ],
)
def test_a_bad_term_is_named(text: str, term: str, start: int, said: str) -> None:
    """With its place, so that a screen can point at it."""
    with pytest.raises(FilterProblem) as caught:
        filters.parse(text)
    assert (caught.value.term, caught.value.start) == (term, start)
    assert said in caught.value.message


def test_nothing_lets_everything_through() -> None:
    """Spaces are nothing."""
    assert not filters.parse("   ")
    assert len(found("")) == len(tokens())


@pytest.mark.parametrize(
    ("text", "span"),
    [("30m", timedelta(minutes=30)), ("12h", timedelta(hours=12)), ("6w", timedelta(weeks=6))],
)
def test_durations(text: str, span: timedelta) -> None:
    """One number, one unit."""
    assert durations.parse(text) == span
    assert durations.parse(f"{text} 1d") is None
    assert filters.parse(f"idle>{text}")


quoted = st.text(max_size=12).map(lambda value: Text(value, literal=True))
bare = st.text(
    st.characters(exclude_characters='":<>\\!=~|&', exclude_categories=("Z", "C")), min_size=1
).map(Text)
lengths = st.builds("{}{}".format, st.integers(0, 99_999), st.sampled_from("mhdwy")).map(Text)
terms = st.one_of(
    st.builds(Term, st.just(""), st.one_of(quoted, bare.filter(lambda t: t.value.lower() != "never"))),
    st.just(Term("never", Text(""))),
    st.builds(Term, st.sampled_from(["name", "description", "id", "project"]), st.one_of(quoted, bare)),
    st.builds(Term, st.just("status"), st.sampled_from(STATUSES).map(Text)),
    st.builds(Term, st.just("scope"), st.sampled_from(SCOPES).map(Text)),
    st.builds(Term, st.sampled_from(COMPARED), lengths, st.sampled_from("<>")),
)


@given(st.lists(terms, max_size=5), st.lists(st.booleans(), min_size=5, max_size=5))
def test_what_is_written_reads_the_same(parts: list[Term], bangs: list[bool]) -> None:
    """Parse, print, parse again."""
    whole = Filter(tuple(Term(t.field, t.text, t.sign, bang) for t, bang in zip(parts, bangs, strict=False)))
    assert filters.parse(str(whole)) == whole


def test_what_is_understood_of_a_half_typed_filter_is_in_force() -> None:
    """And the first problem is told."""
    parsed, problem = filters.understood("project:web idle> status:gone never")
    assert str(parsed) == "project:web never"
    assert problem is not None
    assert problem.term == "idle>"
    assert filters.understood("never")[1] is None


def attempt(text: str) -> Filter | FilterProblem:
    """The filter, or what is wrong with it."""
    try:
        return filters.parse(text)
    except FilterProblem as problem:
        return problem


@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    """Never anything but a filter or a problem with one of its terms, and a filter can be applied."""
    outcome = attempt(text)
    if isinstance(outcome, FilterProblem):
        assert text[outcome.start :].startswith(outcome.term)
        return
    assert filters.parse(str(outcome)) == outcome
    outcome.at(NOW)(BOOK.all[0])


@given(st.text(min_size=1, max_size=20))
def test_a_quoted_name_means_exactly_itself(name: str) -> None:
    """Whatever characters it is made of."""
    quoted = Text(name, literal=True)
    assert filters.parse(str(quoted)).terms == (Term("", quoted),)


def test_every_field_has_a_meaning() -> None:
    """None is accepted and then ignored."""
    values = {"status": "active", "scope": "org"}
    for field in FIELDS:
        assert found(f"{field}:{values.get(field, 'no-such-thing')}") != {t.name for t in tokens()}


@pytest.mark.parametrize(
    "slip",
    [
        "!!x", "!!!name:x", "!name=x", "!name==x", "!name~x", "!name:=x", "!name:~x", "!name:!x", "!name!=x",
        "!status=expired", "!project:web|ml", "!name:a||b", "!a&&b", "!scope=org", "!never=true", "name=x",
    ],
)  # fmt: skip
def test_a_slip_never_becomes_a_term_that_all_tokens_satisfy(slip: str) -> None:
    """An operator that does not exist is refused, with the way to write the text itself."""
    with pytest.raises(FilterProblem) as caught:
        filters.parse(slip)
    assert caught.value.term == slip
    assert caught.value.hint


@pytest.mark.parametrize("text", ['"a=b"', 'name:"a|b"', '!"!x"', 'description:"R&&D ~ x"'])
def test_in_quotes_they_are_characters(text: str) -> None:
    """Descriptions hold anything."""
    assert str(filters.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "selective"),
    [("web", True), ("!web", False), ("!web !never", False), ("!web never", True), ("", False)],
)
def test_negated_terms_alone_select_the_rest(text: str, selective: bool) -> None:
    """Which is not what a command that revokes may be given."""
    assert filters.parse(text).is_selective is selective


@pytest.mark.parametrize("text", ["expires<9999y", "expires>9999y", "idle>999999y", "!expires<999999y"])
def test_a_duration_past_the_end_of_the_calendar_is_one(text: str) -> None:
    """What is applied while somebody types must not raise."""
    everyone, nobody = {t.name for t in tokens()}, set[str]()
    never_expire = {t.name for t in tokens() if t.expires_at is None}
    over = {t.name for t in tokens() if t.expires_at is not None and t.expires_at <= NOW}
    expected = {
        "expires<9999y": everyone - never_expire - over,
        "expires>9999y": never_expire,
        "idle>999999y": nobody,
        "!expires<999999y": never_expire | over,
    }
    assert found(text) == expected[text]


def globbed(glob: str, name: str) -> bool:
    """What a glob means, by dynamic programming."""
    reached = {0}
    for char in glob:
        if char == "*":
            reached = set(range(min(reached), len(name) + 1)) if reached else reached
        else:
            reached = {i + 1 for i in reached if i < len(name) and char in {"?", name[i]}}
    return len(name) in reached


@given(
    st.text("ab*?", min_size=1, max_size=8).filter(lambda text: "*" in text or "?" in text),
    st.text("ab", max_size=10),
)
def test_a_glob_finds_what_it_means(glob: str, name: str) -> None:
    """Of the whole name, and of a part of a line of the row."""
    token = replace(BOOK.all[0].token, name=name, project=None, id="", description="")
    one = build_row(token, NOW, 90, timedelta(days=14))
    assert filters.parse(f"name:{glob}").at(NOW)(one) is globbed(glob, name)
    lines = (name, "global", "", "")
    assert filters.parse(glob).at(NOW)(one) is any(globbed(f"*{glob}*", line) for line in lines)


@pytest.mark.parametrize("text", ["*.*.*.*.*.*.*.*z", "name:*.*.*.*.*.*.*.*z", "name:*?*?*?*?*?*?*?*z"])
def test_a_glob_takes_linear_time(text: str) -> None:
    """A key of the filter is answered in a frame, whatever the glob."""

    def too_long(*_: object) -> NoReturn:
        raise TimeoutError

    token = replace(BOOK.all[0].token, name="v1." * 400, description="a.b " * 1000)
    one = build_row(token, NOW, 90, timedelta(days=14))
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(60)
    try:
        assert not filters.parse(text).at(NOW)(one)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
