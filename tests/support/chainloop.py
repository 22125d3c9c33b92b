"""The client's side of an account server: endpoints, credentials, gateways, containers."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.adapters.chainloop.client import ChainloopClients
from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.secret import Secret
from app.domain.tokens import CreatedToken, TokenDraft
from app.settings import load
from tests.support.server import AccountServer, sign_in

MIB = 1024 * 1024


def endpoint_of(address: str, *, insecure: bool = True, ca: str = "") -> Endpoint:
    """Where a control plane is."""
    return Endpoint(Provider.CHAINLOOP, address, insecure, ca)


def credential_at(address: str, token: str, method: Method = Method.BROWSER) -> Credential:
    """A credential for a control plane in plain text."""
    return Credential(Provider.CHAINLOOP, method, Secret(token), Source.FLAG, endpoint_of(address))


def person(server: AccountServer, login: tuple[str, str]) -> Credential:
    """Sign a sample person in over the real page."""
    return credential_at(server.grpc, sign_in(server, *login))


@pytest.fixture
async def gateways() -> AsyncIterator[ChainloopClients]:
    """Real gateways with room for 32 MiB and a minute."""
    made = ChainloopClients(max_receive=32 * MIB, timeout=60)
    yield made
    await made.aclose()


async def make_token(
    gateways: ChainloopClients, owner: Credential, name: str, **wanted: Any
) -> tuple[CreatedToken, Credential]:
    """Create a token as `owner`; return it with the credential that it is."""
    draft = TokenDraft(name, expires_in=timedelta(days=1), **wanted)
    context = await gateways.open(owner.endpoint, owner).current()
    assert context.membership is not None
    organization = context.membership.organization.name
    created = await gateways.open(owner.endpoint, owner, organization).create_token(draft)
    return created, credential_at(owner.endpoint.address, created.secret.reveal(), Method.API_TOKEN)


ContainerFactory = Callable[..., Container]


@pytest.fixture
async def container_for(tmp_path: Path) -> AsyncIterator[ContainerFactory]:
    """Containers with folders of their own: `container_for(address, environ={…}, vault=…, clock=…)`."""
    made: list[Container] = []

    def make(
        address: str | None,
        *,
        environ: dict[str, str] | None = None,
        flags: dict[str, str] | None = None,
        **adapters: Any,
    ) -> Container:
        variables = {
            "LOOPIN_CONFIG_DIR": str(tmp_path / "config"),
            "LOOPIN_STATE_DIR": str(tmp_path / "state"),
            **({"CHAINLOOP_CONTROL_PLANE_API": address, "CHAINLOOP_API_INSECURE": "true"} if address else {}),
            **(environ or {}),
        }
        adapters.setdefault("vault", MemoryVault())
        made.append(Container(load(variables, dict(flags or {})), **adapters))
        return made[-1]

    yield make
    for container in made:
        await container.aclose()
