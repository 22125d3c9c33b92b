"""Shared fixtures live in tests/support, one file a subject."""

pytest_plugins = [
    "tests.support.network",
    "tests.support.server",
    "tests.support.terminal",
]
