"""Which addresses are asked for an issuer's keys."""

import pytest

from app.domain.errors import UsageError
from app.oidc.url_policy import CLIENT_POLICY, URLPolicy, check_url, explain_refusal, server_policy

PUBLIC = server_policy(development=False)
DEVELOPMENT = server_policy(development=True)
PRIVATE = server_policy(development=False, private=True)


@pytest.mark.parametrize(
    "url", ["https://gitlab.example", "https://gitlab.example:8443/group", "https://[2001:db8::1]"]
)
def test_https_is_asked_everywhere(url: str) -> None:
    """By every policy."""
    for policy in (PUBLIC, DEVELOPMENT, CLIENT_POLICY):
        assert check_url(url, policy).scheme == "https"


@pytest.mark.parametrize("url", ["http://127.0.0.1:8080", "http://localhost", "http://[::1]:80"])
def test_plain_http_only_on_this_machine_and_only_where_that_is_allowed(url: str) -> None:
    """Development, and a job that asks its own CI system."""
    assert check_url(url, DEVELOPMENT)
    assert check_url(url, CLIENT_POLICY)
    with pytest.raises(UsageError, match="must begin with https"):
        check_url(url, PUBLIC)


@pytest.mark.parametrize(
    "url",
    [
        *("", "gitlab.example", "file:///etc/passwd", "ftp://gitlab.example", "https://", "https://a b"),
        *("http://gitlab.example", "http://127.0.0.1.evil.example", "http://localhost.evil.example"),
        *("https://user:secret@gitlab.example", "https://gitlab.example#x", "https://gitlab.example:0"),
        *(
            "https://gitlab.example:99999",
            "https://[::1",
            "https://\u0261itlab.example",
            "gopher://127.0.0.1",
        ),
        *("https://gitlab.example/\n", "https://" + "x" * 3000),
    ],
)
def test_what_is_not_an_issuers_address_is_refused(url: str) -> None:
    """Before anything is resolved."""
    for policy in (PUBLIC, DEVELOPMENT, CLIENT_POLICY):
        with pytest.raises(UsageError):
            check_url(url, policy)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_are_reached(address: str) -> None:
    """The usual case."""
    assert explain_refusal(address, PUBLIC) == ""


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
        *("10.0.0.1", "172.16.5.5", "192.168.1.1", "100.64.0.1", "fd00:ec2::254", "::ffff:10.0.0.1"),
        *(
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::",
            "fe80::1%eth0",
        ),
        *(
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
            "192.0.2.1",
            "240.0.0.1",
            "not-an-address",
        ),
    ],
)
def test_addresses_that_lead_inside_are_not(address: str) -> None:
    """This machine, private networks, link-local, and each of them in the clothes of IPv6."""
    assert explain_refusal(address, PUBLIC) != ""


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
)
@pytest.mark.parametrize(
    "policy", [DEVELOPMENT, PRIVATE, URLPolicy(loopback=True, private=True, pinned=True)]
)
def test_link_local_addresses_are_never_reached(address: str, policy: URLPolicy) -> None:
    """Clouds keep credentials there."""
    assert explain_refusal(address, policy) != ""


def test_a_private_network_can_be_allowed() -> None:
    """A team's own GitLab."""
    assert explain_refusal("10.0.0.1", PRIVATE) == ""
    assert explain_refusal("127.0.0.1", PRIVATE) != ""
    assert explain_refusal("127.0.0.1", DEVELOPMENT) == ""
