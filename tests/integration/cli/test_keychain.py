"""Sign in, look, and sign out, with the login in a real keychain that outlives each command."""

from tests.support.cli import Loopin, secrets_in
from tests.support.server import AccountServer, sign_in
from tests.support.vaults import Bus


def test_a_login_lives_in_the_keychain(
    loopin: Loopin, account_server: AccountServer, secret_service: Bus
) -> None:
    """The process that stored it has ended; others find it, and choose the same keychain by themselves."""
    loopin.environment = {
        **secret_service.environment,
        "CHAINLOOP_CONTROL_PLANE_API": account_server.grpc,
        "CHAINLOOP_API_INSECURE": "true",
        "PYTHON_KEYRING_BACKEND": "",
    }
    token = sign_in(account_server, *account_server.owner)
    login = loopin.process("chainloop", "auth", "login", "--token", "-", stdin=token).works()
    assert "Stored in: " in login.out
    status = loopin.process("status", "--json").works()
    (shape,) = [item for item in status.json["providers"] if item["provider"] == "chainloop"]
    assert shape["source"] == "keychain"
    assert shape["identity"] == account_server.owner[0]
    assert shape["stored_in"]
    described = loopin.process("chainloop", "organization", "describe").works()
    assert "Organization: acme" in described.out
    logout = loopin.process("chainloop", "auth", "logout").works()
    assert logout.out == "Here:   forgotten.\nServer: the session ended.\n"
    after = loopin.process("status").fails(3)
    for said in (login, status, described, logout, after):
        assert secrets_in(said.out + said.err) == []
    written = [path for path in loopin.folder.rglob("*") if path.is_file()]
    assert written
    assert [path for path in written if token.encode() in path.read_bytes()] == []
