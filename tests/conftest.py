"""Shared fixtures live in tests/support, one file a subject."""

pytest_plugins = [
    "tests.support.chromium",
    "tests.support.gumloop_stub",
    "tests.support.network",
    "tests.support.postgres",
    "tests.support.server",
    "tests.support.terminal",
    "tests.support.vaults",
    # After the ones that they import themselves.
    "tests.support.cli",
    "tests.support.gumloop",
    "tests.support.vendor",
    "tests.support.chainloop",
]
