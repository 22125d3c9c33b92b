#!/usr/bin/env python3
"""`loopin status --json` with stored logins, beside a process that only reads the same keychain entries,
beside one that then asks both servers the same by bare httpx and gRPC, and beside the vendor's published
`gumloop models list`, its cheapest signed-in command.

scripts/bench/status.py [TIMES]: a real GNOME Keyring on a bus of its own, the account server on loopback,
whole processes in turns. The vendor's command is taken from .venv-gumloop when that exists.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from common import ROOT, Run, command, environment, folder, in_turns, report, times

sys.path.insert(0, str(ROOT))

from tests.support import server as account_server
from tests.support.server_process import run_program
from tests.support.vaults import start_bus

BARE = """
import keyring
for service, account in (
    ("gumloop-cli", "default:access_token"), ("gumloop-cli", "default:api_key"),
    ("gumloop-cli", "default:user_id"), ("gumloop-cli", "default:base_url"),
    ("loopin-chainloop", "default"),
):
    keyring.get_password(service, account)
"""
ASKING = """
import asyncio, json, os, keyring
key, user = (keyring.get_password("gumloop-cli", f"default:{field}") for field in ("api_key", "user_id"))
for field in ("access_token", "base_url"):
    keyring.get_password("gumloop-cli", f"default:{field}")
session = json.loads(keyring.get_password("loopin-chainloop", "default"))["token"]
import httpx, grpc.aio
from app.proto.controlplane.v1 import context_pb2, context_pb2_grpc

async def gumloop():
    headers = {"Authorization": f"Bearer {key}", "x-auth-key": user}
    async with httpx.AsyncClient(headers=headers) as client:
        for what in ("models", "organizations"):
            (await client.get(f"{os.environ['GUMLOOP_BASE_URL']}/{what}")).json()

async def chainloop():
    async with grpc.aio.insecure_channel(os.environ["CHAINLOOP_CONTROL_PLANE_API"]) as channel:
        stub = context_pb2_grpc.ContextServiceStub(channel)
        metadata = (("authorization", f"Bearer {session}"),)
        await stub.Current(context_pb2.ContextServiceCurrentRequest(), metadata=metadata)

async def both():
    await asyncio.gather(gumloop(), chainloop())

asyncio.run(both())
"""
READING = "keyring, the same entries"
FLOOR = "the same, then bare httpx and gRPC"
LOOPIN = [sys.executable, "-m", "app"]
VENDOR = ROOT / ".venv-gumloop" / "bin" / "gumloop"


def main() -> int:
    """Measure and print."""
    with folder() as home, signed_in(home) as variables:
        peers: dict[str, Callable[[], Run]] = {
            READING: partial(command, [sys.executable, "-c", BARE], variables),
            "loopin status --offline --json": partial(
                command, [*LOOPIN, "status", "--offline", "--json"], variables
            ),
            FLOOR: partial(command, [sys.executable, "-c", ASKING], variables),
            "loopin status --json": partial(command, [*LOOPIN, "status", "--json"], variables),
        }
        if VENDOR.exists():
            peers["gumloop models list"] = partial(command, [str(VENDOR), "models", "list"], variables)
        found = in_turns(peers, times(10))
        for against in (READING, FLOOR, *(["gumloop models list"] if VENDOR.exists() else [])):
            report(found, against=against)
            print()
    return 0


@contextmanager
def signed_in(home: Path) -> Iterator[Mapping[str, str]]:
    """Variables of a machine on which somebody is signed in at both providers."""
    bus = start_bus(home / "bus")
    server = account_server.start(home / "server", launch=run_program)
    try:
        bus.start_keyring()
        variables = environment(
            home,
            **bus.environment,
            CHAINLOOP_CONTROL_PLANE_API=server.grpc,
            CHAINLOOP_API_INSECURE="true",
            GUMLOOP_BASE_URL=f"{server.http}/api/v1",
        )
        login = server.seed["gumloop"]
        by_key = ("gumloop", "login", "--api-key", "-", "--user-id", login["user_id"])
        _log_in(variables, *by_key, said=login["api_key"])
        session = account_server.sign_in(server, *server.owner)
        _log_in(variables, "chainloop", "auth", "login", "--token", "-", said=session)
        yield variables
    finally:
        account_server.release(server.process)
        bus.end()


def _log_in(variables: Mapping[str, str], *arguments: str, said: str) -> None:
    subprocess.run(
        [*LOOPIN, *arguments], cwd=ROOT, env=dict(variables), input=said, text=True, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
