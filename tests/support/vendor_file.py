"""The configuration file of Chainloop's own command line, as that program writes it."""

from pathlib import Path

from tests.support.server import AccountServer

NAME = "chainloop/config.toml"


def vendor_file(
    folder: Path, token: str, *, server: str, organization: str = "", insecure: bool = True
) -> Path:
    """Write the file under the configuration folder `folder`, and return its path."""
    path = folder / NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"api-insecure = {str(insecure).lower()}",
        f"organization = '{organization}'",
        "[artifact-cas]",
        "api = 'api.cas.chainloop.dev:443'",
        "[auth]",
        f"token = '{token}'",
        "[control-plane]",
        f"api = '{server}'",
        "api-ca = ''",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def vendor_file_of(folder: Path, server: AccountServer, token: str, organization: str = "") -> Path:
    """The same for a login at `server`."""
    return vendor_file(folder, token, server=server.grpc, organization=organization)
