"""What is said of a credential that its server rejects."""

import pytest

from app.domain.credentials import Credential, Endpoint, Method, Provider, Source
from app.domain.errors import APITokenGone, SessionEnded
from app.domain.rejection import rejected
from app.domain.secret import Secret

CHAINLOOP, GUMLOOP = Provider.CHAINLOOP, Provider.GUMLOOP


def credential(provider: Provider, method: Method, source: Source, profile: str = "default") -> Credential:
    endpoint = Endpoint(provider, "server.example:443")
    return Credential(provider, method, Secret("not-a-real-secret"), source, endpoint, profile)


@pytest.mark.parametrize(
    ("provider", "method", "source", "said", "words", "hint"),
    [
        (CHAINLOOP, Method.BROWSER, Source.KEYCHAIN, "JWT token has expired", "the session has expired",
         "sign in again: loopin chainloop auth login"),
        (CHAINLOOP, Method.API_TOKEN, Source.KEYCHAIN, "API token revoked",
         "the stored API token was revoked", "sign in again: loopin chainloop auth login"),
        (CHAINLOOP, Method.API_TOKEN, Source.ENVIRONMENT, "API token revoked", "CHAINLOOP_TOKEN was revoked",
         "set CHAINLOOP_TOKEN to another one, or unset it"),
        (CHAINLOOP, Method.API_TOKEN, Source.ENVIRONMENT, "API token not found",
         "CHAINLOOP_TOKEN is not known to the server", "set CHAINLOOP_TOKEN to another one, or unset it"),
        (CHAINLOOP, Method.BROWSER, Source.ENVIRONMENT, "Fail to parse JWT token",
         "CHAINLOOP_TOKEN cannot be read by the server: it was cut, or it is of another server",
         "set CHAINLOOP_TOKEN to another one, or unset it"),
        (CHAINLOOP, Method.API_TOKEN, Source.FLAG, "JWT token has expired", "--token has expired",
         "give another --token, or leave it out"),
        (CHAINLOOP, Method.KEYLESS, Source.CI, "JWT token has expired", "the CI identity has expired",
         "run the job again: its identity ends with it"),
        (GUMLOOP, Method.ACCESS_TOKEN, Source.ENVIRONMENT, "api says: no",
         "GUMLOOP_ACCESS_TOKEN is not accepted: api says: no",
         "set GUMLOOP_ACCESS_TOKEN to another one, or unset it"),
        (GUMLOOP, Method.API_KEY, Source.ENVIRONMENT, "key expired", "GUMLOOP_API_KEY has expired",
         "set GUMLOOP_API_KEY to another one, or unset it"),
        (GUMLOOP, Method.API_KEY, Source.KEYCHAIN, "key revoked", "the stored API key was revoked",
         "sign in again: loopin gumloop login"),
    ],
)  # fmt: skip
def test_the_credential_is_named_and_the_next_step_fits_its_source(
    provider: Provider, method: Method, source: Source, said: str, words: str, hint: str
) -> None:
    error = rejected(SessionEnded(said), credential(provider, method, source))
    assert (error.message, error.hint) == (words, hint)
    assert error.provider is provider
    assert error.stored is (source is Source.KEYCHAIN)


def test_the_profile_is_part_of_the_command() -> None:
    work = credential(CHAINLOOP, Method.BROWSER, Source.KEYCHAIN, "work")
    assert rejected(SessionEnded("expired"), work).hint == (
        "sign in again: loopin chainloop auth login --profile work"
    )


def test_the_kind_of_the_error_stays() -> None:
    robot = credential(CHAINLOOP, Method.API_TOKEN, Source.ENVIRONMENT)
    assert type(rejected(APITokenGone("API token revoked"), robot)) is APITokenGone
