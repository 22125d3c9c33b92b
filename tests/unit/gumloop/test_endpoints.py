"""Base URLs: what counts as the same server, and where no credential may go."""

import pytest

from app.domain.errors import UsageError
from app.domain.gumloop import BASE_URL, endpoint_of, root_of, same_issuer, same_origin, stored_endpoint


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        (BASE_URL, "https://api.gumloop.com"),
        (BASE_URL + "/", "https://api.gumloop.com"),
        ("http://127.0.0.1:8080/api/v1", "http://127.0.0.1:8080"),
        ("https://loopin.example/team/api/v1", "https://loopin.example/team"),
        ("https://loopin.example", "https://loopin.example"),
    ],
)
def test_oauth_hangs_under_the_root(base_url: str, root: str) -> None:
    assert root_of(base_url) == root


@pytest.mark.parametrize(
    "other",
    ["https://API.gumloop.com/api/v1/", "https://api.gumloop.com:443/api/v1", "https://api.gumloop.com"],
)
def test_spelling_does_not_make_another_server(other: str) -> None:
    assert same_issuer(endpoint_of(BASE_URL), endpoint_of(other))


@pytest.mark.parametrize(
    "other",
    [
        "http://127.0.0.1/api/v1",
        "https://api.gumloop.com:8443/api/v1",
        "https://gumloop.com/api/v1",
        "https://api.gumloop.com.evil.example/api/v1",
        "https://api.gumloop.com/other/api/v1",
        "https://api.gumloop.com@evil.example/api/v1",
    ],
)
def test_another_scheme_host_port_or_path_is_another_server(other: str) -> None:
    assert not same_issuer(endpoint_of(BASE_URL), stored_endpoint(other))


@pytest.mark.parametrize(
    "bad",
    [
        "api.gumloop.com", "ftp://api.gumloop.com", "https://", "https://a b.example", "https://h:port/x",
        "https://user:pass@host.example", "https://host.example/?x=1", "https://host.example/#x",
        "https://host.example/\x1b[31m", "http://host.example/api/v1", "http://127.0.0.1.evil.example",
    ],
)  # fmt: skip
def test_where_no_credential_may_go_is_refused(bad: str) -> None:
    with pytest.raises(UsageError) as refused:
        endpoint_of(bad)
    assert refused.value.message.isprintable()


@pytest.mark.parametrize(
    "good", ["http://localhost:1/api/v1", "http://127.0.0.9:1", "http://[::1]:8080/api/v1"]
)
def test_plain_http_is_for_this_machine(good: str) -> None:
    assert endpoint_of(good).insecure


def test_an_origin_has_no_path() -> None:
    assert same_origin("https://h.example/a", "https://h.example:443/b")
    assert not same_origin("https://h.example", "https://h.example:444")
