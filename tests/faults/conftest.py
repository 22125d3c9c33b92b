"""`--sweep` runs every cell of the interruptions instead of a choice of them."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where a file of this folder is named on the command line, as scripts/torture.py does."""
    parser.addoption("--sweep", action="store_true", help="interrupt every sign-in at every step, every way")
