"""An issuer's two documents without HTTP, for rules that need no wire."""

from collections.abc import Mapping
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from app.oidc.url_policy import CLIENT_POLICY, URLPolicy


class Published:
    """Answers like the issuer at `url`; `asked` is what was read, `fails` is raised instead."""

    policy: URLPolicy = CLIENT_POLICY

    def __init__(self, url: str, keys: list[RSAKey | ECKey]) -> None:
        self.url = url
        self.keys = keys
        self.asked: list[str] = []
        self.fails: Exception | None = None

    async def document(self, url: str, headers: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Discovery, or the keys."""
        self.asked.append(url)
        if self.fails is not None:
            raise self.fails
        if url.endswith("/keys"):
            return {"keys": [key.as_dict(private=False) for key in self.keys]}
        return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
