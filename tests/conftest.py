"""Shared fixtures live in tests/support, one file a subject."""

import os

from hypothesis import settings

from tests.support import passwords
from tests.support.scrub import REQUIRE

# How long one example takes says more about the machine than about the rule.
settings.register_profile("dev", deadline=None, max_examples=25)
settings.register_profile("ci", deadline=None, print_blob=True)
# pytest's own option --hypothesis-profile chooses another one.
settings.load_profile("ci" if os.environ.get(REQUIRE) == "all" else "dev")

passwords.make_cheap()

pytest_plugins = [
    "tests.support.chromium",
    "tests.support.contained",
    "tests.support.gumloop_stub",
    "tests.support.garbage",
    "tests.support.network",
    "tests.support.pilot",
    "tests.support.style_sheets",
    "tests.support.postgres",
    "tests.support.databases",
    "tests.support.server",
    "tests.support.terminal",
    "tests.support.zones",
    "tests.support.vaults",
    # After the ones that they import themselves.
    "tests.support.cli",
    "tests.support.callbacks",
    "tests.support.gumloop",
    "tests.support.vendor",
    "tests.support.chainloop",
    "tests.support.organizations",
]
