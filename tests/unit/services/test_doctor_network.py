"""What the doctor says of a server that answers."""

from typing import Any, cast

from app.domain.doctor import Verdict
from app.services.doctor_network import NetworkChecks
from tests.support import app as fakes


class OneAddress:
    """A network in which every name has the same address, and no page is asked for."""

    def proxy(self, url: str, *, grpc: bool = False) -> str:
        return ""

    async def resolve(self, host: str) -> list[str]:
        return ["192.0.2.7"]


async def test_a_control_plane_that_names_no_sign_in_page_is_a_warning() -> None:
    box = fakes.container()
    box.plane.login_url = ""
    checks = NetworkChecks(cast("Any", OneAddress()), box.load_gateways, box.clock)
    *_, last = await checks.chainloop(box.chainloop_session)
    assert last.verdict is Verdict.WARN
    assert last.detail == "the server names no sign-in page"
    assert last.fix == "sign in with an API token instead"
