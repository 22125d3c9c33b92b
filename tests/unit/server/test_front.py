"""What people are told to reach a server, however it is reached."""

from pathlib import Path
from typing import Any

import pytest

from app.domain.errors import UsageError
from app.server.main import RunningServer
from app.server.settings import ServerSettings, parse_networks
from app.server.web.front import PublicAddresses, public_addresses

HTTP, GRPC = "http://127.0.0.1:8080", "127.0.0.1:9090"
PUBLIC = "https://accounts.example"
PROXY = parse_networks(("10.0.0.0/8",))
TLS: dict[str, Any] = {"tls_cert": Path("cert.pem"), "tls_key": Path("key.pem")}


def told(**settings: Any) -> PublicAddresses:
    return public_addresses(ServerSettings(Path(), **settings).check(), HTTP, GRPC)


@pytest.mark.parametrize(
    ("settings", "http", "grpc"),
    [
        ({}, HTTP, GRPC),
        ({"host": "0.0.0.0", "public_url": f"{PUBLIC}/"} | TLS, PUBLIC, "accounts.example:9090"),
        (
            {"host": "::", "public_url": "https://[2001:db8::1]"} | TLS,
            "https://[2001:db8::1]",
            "[2001:db8::1]:9090",
        ),
        ({"public_url": PUBLIC}, PUBLIC, ""),
        ({"host": "0.0.0.0", "public_url": PUBLIC, "trusted_proxies": PROXY}, PUBLIC, ""),
        ({"public_url": PUBLIC, "public_grpc": "grpc.example:443"}, PUBLIC, "grpc.example:443"),
    ],
)
def test_the_way_is_the_one_that_others_can_take(settings: dict[str, Any], http: str, grpc: str) -> None:
    assert told(**settings) == PublicAddresses(http, grpc)


def test_plain_text_is_named_where_there_is_no_tls() -> None:
    assert told().chainloop_login.endswith("--control-plane 127.0.0.1:9090 --insecure")
    assert "CHAINLOOP_API_INSECURE=true" in told().variables
    over_tls = told(host="0.0.0.0", public_url=PUBLIC, **TLS)
    assert "nsecure" not in over_tls.chainloop_login
    assert "CHAINLOOP_API_INSECURE=true" not in over_tls.variables


def test_a_line_is_one_command_of_a_shell_whatever_the_address() -> None:
    assert "--base-url 'https://a.example/;b'/api/v1" in PublicAddresses("https://a.example/;b").gumloop_login


def test_the_start_tells_people_how_to_sign_in_and_programs_what_they_know() -> None:
    here = RunningServer(HTTP, GRPC, None, PublicAddresses(HTTP, GRPC))
    assert [line.strip() for line in here.as_text().splitlines()[2:]] == [
        "loopin gumloop login --method oauth --base-url http://127.0.0.1:8080/api/v1",
        "loopin chainloop auth login --control-plane 127.0.0.1:9090 --insecure",
    ]
    assert "\n" not in here.as_json()


@pytest.mark.parametrize("address", ["accounts.example", "https://a.example:443", "a.example:443;x", "a b:1"])
def test_an_address_for_programs_is_host_and_port(address: str) -> None:
    with pytest.raises(UsageError, match="gRPC"):
        ServerSettings(Path(), public_grpc=address).check()
