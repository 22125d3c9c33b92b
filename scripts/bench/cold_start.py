#!/usr/bin/env python3
"""The bare `loopin` to its first full frame, beside a bare Textual app with Header, one table and Footer.

scripts/bench/cold_start.py [TIMES]: whole processes in a terminal of 120 × 36, in turns.
"""

import sys
from functools import partial

from common import environment, first_frame, folder, in_turns, report, times

BARE = """
from textual.app import App
from textual.widgets import DataTable, Footer, Header

class Bare(App):
    BINDINGS = [("q", "quit", "Leave")]

    def compose(self):
        yield Header()
        yield DataTable()
        yield Footer()

    def on_mount(self):
        table = self.query_one(DataTable)
        table.add_columns("one", "two")
        table.add_row("first-cell", "last-cell")

Bare().run()
"""


def main() -> int:
    """Measure and print."""
    with folder() as home:
        variables = environment(home)
        peers = {
            "bare Textual app": partial(
                first_frame, [sys.executable, "-c", BARE], variables, [b"last-cell", b"Leave"]
            ),
            # The top line, a card of each provider and the key bar: everything but what the keychain says.
            "loopin": partial(
                first_frame,
                [sys.executable, "-m", "app"],
                variables,
                [b"1 Accounts", b"Gumloop", b"Chainloop", b"help"],
            ),
        }
        report(in_turns(peers, times(10)), against="bare Textual app")
    return 0


if __name__ == "__main__":
    sys.exit(main())
