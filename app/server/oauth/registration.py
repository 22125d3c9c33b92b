"""Dynamic client registration (RFC 7591), for those whom the operator gave the registration secret."""

# mypy: allow-subclassing-any
# Authlib carries no types.

import json
import secrets
from typing import Any

from authlib.oauth2.rfc6750 import InvalidTokenError
from authlib.oauth2.rfc7591 import (
    ClientRegistrationEndpoint,
    InvalidClientMetadataError,
    InvalidRedirectURIError,
)

from app.server.bearer import bearer_in, same
from app.server.database.oauth_models import OAuthClient
from app.server.oauth import opaque, redirects, rules
from app.server.oauth.grants import store

_TEXTS = (
    "client_name",
    "client_uri",
    "scope",
    "token_endpoint_auth_method",
    "software_id",
    "software_version",
)
_LISTS = ("redirect_uris", "grant_types", "response_types", "contacts")
_MAX_TEXT, _MAX_ITEMS = 2000, 20


class Registration(ClientRegistrationEndpoint):
    """Makes public clients (`none`) and confidential ones; a secret is shown once and stored as a hash."""

    def __init__(self, secret: str, server_metadata: dict[str, Any]) -> None:
        super().__init__()
        self._secret = secret
        self._server_metadata = server_metadata

    def authenticate_token(self, request: Any) -> bool:
        """True for the operator's secret (RFC 7591 §1.2, initial access token), else 401."""
        if not same(bearer_in(request.headers.get("Authorization", "")), self._secret):
            raise InvalidTokenError("The registration secret is missing or wrong.")
        return True

    def get_server_metadata(self) -> dict[str, Any]:
        """What a client may ask to be."""
        return self._server_metadata

    def extract_client_metadata(self, request: Any) -> dict[str, Any]:
        """Read and complete it; what we do not know is left out (RFC 7591 §2)."""
        wanted = _typed(request.payload.data)
        metadata: dict[str, Any] = super().extract_client_metadata(request)
        metadata.setdefault("grant_types", ["authorization_code"])
        metadata.setdefault("response_types", ["code"])
        metadata.setdefault("scope", " ".join(rules.SCOPES))
        uris = metadata.get("redirect_uris", [])
        if ("authorization_code" in metadata["grant_types"] and not uris) or not all(
            redirects.may_register(uri) for uri in uris
        ):
            raise InvalidRedirectURIError("Register https URIs, or http on 127.0.0.1 or [::1].")
        return {name: value for name, value in metadata.items() if name in wanted or name in _DEFAULTED}

    def generate_client_info(self, request: Any) -> dict[str, Any]:
        """An id for everyone, a secret for those that can keep one."""
        public = request.payload.data.get("token_endpoint_auth_method") == "none"
        info: dict[str, Any] = super().generate_client_info(request)
        return {k: v for k, v in info.items() if not (public and k.startswith("client_secret"))}

    def generate_client_id(self, request: Any) -> str:
        """Random, and short enough for the column."""
        return secrets.token_urlsafe(18)

    def generate_client_secret(self, request: Any) -> str:
        """256 random bits."""
        return secrets.token_urlsafe(32)

    def save_client(
        self, client_info: dict[str, Any], client_metadata: dict[str, Any], request: Any
    ) -> OAuthClient:
        """Store it, the secret as a hash."""
        secret = client_info.get("client_secret")
        client = OAuthClient(
            client_id=client_info["client_id"],
            client_secret=opaque.digest(secret) if secret else None,
            client_id_issued_at=client_info["client_id_issued_at"],
            client_secret_expires_at=0,
        )
        client.set_client_metadata(client_metadata)
        store().add_client(client)
        return client


_DEFAULTED = {"grant_types", "response_types", "scope", "token_endpoint_auth_method"}


def _typed(data: Any) -> set[str]:
    # Authlib trusts the shapes; a number where a list belongs would be a server error.
    if not isinstance(data, dict) or len(json.dumps(data)) > 16_000:
        raise InvalidClientMetadataError("Send a JSON object.")
    for name in [name for name in data if name not in {*_TEXTS, *_LISTS}]:
        del data[name]
    for name in set(_TEXTS) & data.keys():
        if not isinstance(data[name], str) or len(data[name]) > _MAX_TEXT or "\x00" in data[name]:
            raise InvalidClientMetadataError(f"{name} must be a string.")
    for name in set(_LISTS) & data.keys():
        items = data[name]
        if (
            not isinstance(items, list)
            or len(items) > _MAX_ITEMS
            or not all(isinstance(i, str) for i in items)
        ):
            raise InvalidClientMetadataError(f"{name} must be a list of strings.")
    return set(data)
