"""Shared fixtures live in tests/support, one file a subject."""

from hypothesis import settings

# How long one example takes says more about the machine than about the rule.
settings.register_profile("loopin", deadline=None)
settings.load_profile("loopin")

pytest_plugins = [
    "tests.support.chromium",
    "tests.support.gumloop_stub",
    "tests.support.network",
    "tests.support.postgres",
    "tests.support.databases",
    "tests.support.server",
    "tests.support.terminal",
    "tests.support.vaults",
    # After the ones that they import themselves.
    "tests.support.cli",
    "tests.support.gumloop",
    "tests.support.vendor",
    "tests.support.chainloop",
]
