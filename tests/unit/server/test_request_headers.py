"""Which address counts as the client's."""

from ipaddress import ip_network

import pytest

from app.server.request_headers import client_address, counted_network
from app.server.rpc.interceptor import address_of
from app.server.settings import parse_networks

PROXY = parse_networks(("10.0.0.0/8", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("192.0.2.1", "6.6.6.6", "192.0.2.1"),
        ("10.0.0.1", "6.6.6.6", "6.6.6.6"),
        ("10.0.0.1", "7.7.7.7, 6.6.6.6, 10.0.0.2", "6.6.6.6"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "unknown", "10.0.0.1"),
        ("::ffff:10.0.0.1", "2001:db8::1", "2001:db8::1"),
        ("fd00::1", "10.1.1.1", "10.1.1.1"),
        ("", "6.6.6.6", ""),
        ("10.0.0.1", "6.6.6.6:51000", "6.6.6.6"),
        ("10.0.0.1", "6.6.6.6, 10.0.0.2:443", "6.6.6.6"),
        ("10.0.0.1", "[2001:db8::1]:51000", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "6.6.6.6, [fd00::2]:443", "6.6.6.6"),
        ("10.0.0.1", "[::ffff:6.6.6.6]:51000", "6.6.6.6"),
        ("10.0.0.1", "2001:db8::1%\x00eth0", "2001:db8::1"),
        ("10.0.0.1", "6.6.6.6:x", "10.0.0.1"),
        ("10.0.0.1", "[6.6.6.6]]:1", "10.0.0.1"),
        ("10.0.0.1", "[]:1", "10.0.0.1"),
    ],
)
def test_the_address_is_read_up_to_the_first_that_is_no_proxy(
    peer: str, forwarded: str, expected: str
) -> None:
    assert client_address(peer, forwarded, PROXY) == expected
    assert ip_network("10.0.0.0/8") in PROXY


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8:0:0:ffff:ffff:ffff:ffff", "2001:db8::/64"),
        ("2001:db8:0:1::1", "2001:db8:0:1::/64"),
        ("::1", "::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x" * 100, "x" * 64),
    ],
)
def test_a_limit_counts_an_ipv4_address_or_an_ipv6_network(address: str, counted: str) -> None:
    assert counted_network(address) == counted


@pytest.mark.parametrize(
    ("peer", "address"),
    [("ipv4:127.0.0.1:5000", "127.0.0.1"), ("ipv6:%5B::1%5D:5000", "::1"), ("unix:", "")],
)
def test_grpc_names_of_peers_are_read(peer: str, address: str) -> None:
    assert address_of(peer) == address
