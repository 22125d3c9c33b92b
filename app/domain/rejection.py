"""Errors for a credential that its server rejects. The next step depends on the source."""

from app.domain.credentials import Credential, Method, Provider, Source, profile_words
from app.domain.errors import SessionEnded

_VARIABLES = {
    Method.API_KEY: "GUMLOOP_API_KEY",
    Method.ACCESS_TOKEN: "GUMLOOP_ACCESS_TOKEN",
}
_STORED = {
    Method.API_TOKEN: "the stored API token",
    Method.API_KEY: "the stored API key",
    Method.ACCESS_TOKEN: "the stored access token",
}
_LOGIN = {Provider.CHAINLOOP: "loopin chainloop auth login", Provider.GUMLOOP: "loopin gumloop login"}


def rejected(error: SessionEnded, credential: Credential) -> SessionEnded:
    """Return an error of the same class that names the credential, its state, and the next step.

    A variable or a flag is corrected or left out; a stored login is renewed by signing in again.
    """
    name, state = name_of(credential), _state(error.message)
    words = f"{name} {state}" if state else f"{name} is not accepted: {error.message}"
    return type(error)(
        words,
        hint=_next_step(credential, name),
        provider=credential.provider,
        stored=credential.source is Source.KEYCHAIN,
    )


def name_of(credential: Credential) -> str:
    """What a person calls the credential: the flag or variable that holds it, or what is stored."""
    match credential.source:
        case Source.FLAG:
            return "--token"
        case Source.ENVIRONMENT:
            return _VARIABLES.get(credential.method, "") if _is_gumloop(credential) else "CHAINLOOP_TOKEN"
        case Source.CI:
            return "the CI identity"
        case Source.KEYCHAIN:
            return _STORED.get(credential.method, "the session")


def _is_gumloop(credential: Credential) -> bool:
    return credential.provider is Provider.GUMLOOP


def _state(message: str) -> str:
    message = message.lower()
    if "expired" in message:
        return "has expired"
    if "revoked" in message:
        return "was revoked"
    if "token not found" in message:
        return "is not known to the server"
    if "fail to parse" in message:
        return "cannot be read by the server: it was cut, or it is of another server"
    return "is not accepted by the server" if message == "token is invalid" else ""


def _next_step(credential: Credential, name: str) -> str:
    match credential.source:
        case Source.FLAG:
            return f"give another {name}, or leave it out"
        case Source.ENVIRONMENT:
            return f"set {name} to another one, or unset it"
        case Source.CI:
            return "run the job again: its identity ends with it"
        case Source.KEYCHAIN:
            option = profile_words(credential.profile)[1]
            return f"sign in again: {_LOGIN[credential.provider]}{option}"
