"""The program in many real processes at once, forked from one child that has imported it.

Run as a child that has one thread. Its arguments are the number of processes, a folder for what they print,
and the arguments of `loopin`. They begin together. The exit codes are printed as JSON, in order.
"""

import importlib
import json
import os
import sys
from pathlib import Path

# What `loopin gumloop …` imports on its way; a name too few costs time only.
_MODULES = (
    *("app.cli.root", "app.cli.gumloop", "app.cli.runtime", "app.bootstrap", "app.settings"),
    *(
        "app.adapters.gumloop.client",
        "app.adapters.gumloop.oauth",
        "app.adapters.system.process_lock",
        "tenacity",
    ),
    *("app.services.gumloop_session", "app.services.gumloop_refresh", "app.services.teams"),
    *("app.adapters.keychain.keychain", "app.adapters.keychain.secret_service"),
    *(
        "app.adapters.http.transport",
        "app.adapters.storage.accounts",
        "app.adapters.system.clock",
    ),
    *("secretstorage", "filelock", "httpcore", "anyio._backends._asyncio"),
)


def _main(count: int, folder: Path, arguments: list[str]) -> None:
    for name in _MODULES:
        importlib.import_module(name)
    ready, start = os.pipe()
    children = [_fork(folder, number, arguments, ready, start) for number in range(count)]
    os.close(start)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    sys.stdout.write(json.dumps(codes))


def _fork(folder: Path, number: int, arguments: list[str], ready: int, start: int) -> int:
    if child := os.fork():
        return child
    code = 70
    try:
        os.close(start)
        for target, stream in enumerate(("out", "err"), start=1):
            opened = os.open(folder / f"{stream}-{number}", os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(opened, target)
            os.close(opened)
        # The pipe ends when every process was forked.
        os.read(ready, 1)
        from app.__main__ import main

        code = main(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    _main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
