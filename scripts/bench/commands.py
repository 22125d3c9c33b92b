#!/usr/bin/env python3
"""Commands of Chainloop, each beside a short script that does the same with grpc.aio, json and keyring
(`peers/commands.py`): the list of all API tokens as JSON, and the organization in use, with a token and with
the login in the keychain.

scripts/bench/commands.py [TIMES [TOKENS [FOLDER]]]: a real GNOME Keyring on a bus of its own, found by
keyring's own ranking, the account server on loopback with TOKENS (20,000) API tokens, whole processes in
turns. FOLDER is another checkout, "before", whose program then takes part too.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from common import ROOT, Run, command, environment, folder, in_turns, report, times
from token_server import filled_server

sys.path.insert(0, str(ROOT))

from tests.support.vaults import start_bus

PEER = [sys.executable, str(Path(__file__).parent / "peers" / "commands.py")]
CASES = {
    "list": ["chainloop", "organization", "api-token", "list", "-o", "json"],
    "describe": ["chainloop", "organization", "describe"],
    "keychain": ["chainloop", "organization", "describe"],
}
TOKENS = int(sys.argv[2]) if len(sys.argv) > 2 else 20_000
BEFORE = sys.argv[3] if len(sys.argv) > 3 else ""


def main() -> int:
    """Measure and print."""
    with folder() as home, signed_in(home) as (variables, token):
        for case, arguments in CASES.items():
            given = variables if case == "keychain" else {**variables, "CHAINLOOP_TOKEN": token}
            peer, program = f"{case}: short script", f"{case}: loopin"
            peers: dict[str, Callable[[], Run]] = {
                peer: partial(command, [*PEER, case], given),
                program: partial(command, _program(ROOT, *arguments), given),
            }
            if BEFORE:
                peers[f"{program}, before"] = partial(command, _program(Path(BEFORE), *arguments), given)
            report(in_turns(peers, times(10)), against=peer)
            print(flush=True)
    return 0


def _program(checkout: Path, *arguments: str) -> list[str]:
    """The command line of a checkout's program, whatever folder it is started in."""
    found = f"import sys\nsys.path.insert(0, {str(checkout)!r})\n"
    lines = f"{found}from app.__main__ import main\nsys.exit(main())"
    return [sys.executable, "-P", "-c", lines, *arguments]


@contextmanager
def signed_in(home: Path) -> Iterator[tuple[Mapping[str, str], str]]:
    """Variables of a machine on which the owner is signed in at Chainloop; and a token of the owner."""
    bus = start_bus(home / "bus")
    try:
        bus.start_keyring()
        for server, token in filled_server(home / "server", [TOKENS]):
            found = environment(
                home,
                **bus.environment,
                CHAINLOOP_CONTROL_PLANE_API=server.grpc,
                CHAINLOOP_API_INSECURE="true",
            )
            # As on a machine where nobody chose: the library finds the keychain.
            del found["PYTHON_KEYRING_BACKEND"]
            log_in = _program(ROOT, "chainloop", "auth", "login", "--token", "-")
            subprocess.run(
                log_in, cwd=ROOT, env=found, input=token, text=True, check=True, stdout=subprocess.DEVNULL
            )
            yield found, token
    finally:
        bus.end()


if __name__ == "__main__":
    sys.exit(main())
