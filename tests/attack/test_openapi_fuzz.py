"""What fits the OpenAPI document, and what does not: no server error, and answers as the document says."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.server.web.openapi import describe
from tests.support.oauth import tokens_at
from tests.support.organizations import Organization
from tests.support.server import FEDERATION_SECRET, AccountServer

pytestmark = pytest.mark.slow

Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]
EXAMPLES = 8
CHECKS = [
    *(not_a_server_error, status_code_conformance),
    *(content_type_conformance, response_schema_conformance),
]
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def operations() -> list[Operation]:
    document = schemathesis.openapi.from_dict(describe("http://127.0.0.1:1"))
    return [found.ok() for found in document.get_all_operations() if isinstance(found, Ok)]


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture(scope="module")
def credentials(target: AccountServer, attacked: Organization) -> dict[str, str]:
    """What opens each kind of address."""
    access = tokens_at(target, attacked.owner.login)["access_token"]
    return {"/api": access, "/oauth/userinfo": access, "/federated": FEDERATION_SECRET}


@pytest.mark.parametrize("known", [True, False], ids=["signed in", "nobody"])
@pytest.mark.parametrize("operation", operations(), ids=lambda found: found.label)
def test_an_operation_answers_as_the_document_says(
    target: AccountServer,
    session: requests.Session,
    credentials: dict[str, str],
    operation: Operation,
    known: bool,
) -> None:
    secret = next((value for place, value in credentials.items() if operation.path.startswith(place)), "")
    headers = {"Authorization": f"Bearer {secret}"} if known and secret else {}
    both = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    asked: list[int] = []

    for mode in both:

        @BOUNDED
        @given(case=operation.as_strategy(generation_mode=mode))
        def fits(case: AnyCase) -> None:
            answer = case.call(
                base_url=target.http, session=session, headers=headers, allow_redirects=False, timeout=60
            )
            asked.append(answer.status_code)
            case.validate_response(answer, checks=CHECKS)

        # An operation that takes nothing cannot be asked wrongly.
        with warnings.catch_warnings(), suppress(Unsatisfiable):
            warnings.simplefilter("ignore")
            fits()
    assert asked
