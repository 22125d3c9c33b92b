"""What is this machine itself."""

import ipaddress


def is_loopback_host(host: str) -> bool:
    """True for localhost and loopback addresses, bracketed or not (RFC 6761 §6.3, RFC 4291 §2.5.3)."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
