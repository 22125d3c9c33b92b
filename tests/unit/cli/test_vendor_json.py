"""JSON with the keys, the order and the words of the vendor's own command line."""

import os
from dataclasses import replace
from typing import Any

import pytest

from app.cli import serializers
from app.domain.organizations import CASBackend, OrganizationSettings, Role
from tests.support.cli import in_process
from tests.support.rooms import story
from tests.support.sample import ADA, NOW

ORGANIZATION = ("chainloop", "organization")


@pytest.fixture
def answers() -> "Plane":
    return Plane()


class Plane:
    """Commands on the fakes of one machine."""

    def __init__(self) -> None:
        self.box = story()

    def __call__(self, *arguments: str) -> Any:
        """The JSON of a command."""
        environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
        done = in_process(
            [*ORGANIZATION, *arguments, "-o", "json"], environment, containers=lambda _: self.box
        )
        return done.works().json


EVERYTHING = OrganizationSettings(True, ("policies.example",), True, True, True, True)


def test_an_organization_has_the_vendors_keys_in_their_order(answers: Plane) -> None:
    plain = serializers.organization(answers.box.plane.organization("acme"))
    assert plain == {
        "id": "id-acme",
        "name": "acme",
        "createdAt": plain["createdAt"],
        "policyViolationBlockingStrategy": "ADVISORY",
        "preventImplicitWorkflowCreation": False,
        "apiTokenMaxDaysInactive": "90",
        "enableAiAgentCollector": False,
        "blockAttestationsOnReleasedVersions": False,
        "skipRunnerEnvVars": False,
    }
    answers.box.plane.settings, answers.box.plane.threshold = EVERYTHING, 0
    full = serializers.organization(answers.box.plane.organization("acme"))
    assert full["policyViolationBlockingStrategy"] == "ENFORCED"
    assert full["policyAllowedHostnames"] == ["policies.example"]
    assert list(full)[3:] == [
        *("policyViolationBlockingStrategy", "policyAllowedHostnames", "preventImplicitWorkflowCreation"),
        *("enableAiAgentCollector", "blockAttestationsOnReleasedVersions", "skipRunnerEnvVars"),
    ]
    assert [value for value in full.values() if isinstance(value, bool)] == [True] * 4


def test_a_membership_has_the_vendors_keys_in_their_order(answers: Plane) -> None:
    membership = answers.box.plane.membership("acme")
    shape = serializers.membership(membership)
    assert list(shape) == ["id", "current", "joinedAt", "updatedAt", "org", "user", "role"]
    assert shape["user"]["email"] == ADA.email
    assert serializers.membership(replace(membership, person=None))["user"] is None
    assert serializers.membership(replace(membership, role=Role.UNKNOWN))["role"] == ""


def test_set_prints_a_list_as_list_does(answers: Plane) -> None:
    """Scripts that are written for the vendor's command take the first of it."""
    (chosen,) = answers("set", "--name", "globex")
    assert chosen["org"]["name"] == "globex"
    assert [one["org"]["name"] for one in answers("list") if one["inUse"]] == ["globex"]


BACKEND = CASBackend(
    "b-1", "main", "registry.example/acme", "of the team", "OCI", default=True, max_bytes=2**30, valid=True
)


def test_describe_tells_the_backend_of_artifacts_where_there_is_one(answers: Plane) -> None:
    described = answers("describe")
    assert list(described) == ["currentUser", "currentMembership"]
    answers.box.plane.cas_backend = BACKEND._replace(created_at=NOW, validated_at=NOW)
    described = answers("describe")
    at = described["currentCASBackend"]["createdAt"]
    assert described["currentCASBackend"] == {
        "id": "b-1",
        "name": "main",
        "location": "registry.example/acme",
        "description": "of the team",
        "provider": "OCI",
        "default": True,
        "fallback": False,
        "inline": False,
        "limits": {"MaxBytes": 2**30},
        "validationStatus": "valid",
        "createdAt": at,
        "validatedAt": at,
    }
    bare = BACKEND._replace(max_bytes=None, valid=False, problem="no route to host")
    answers.box.plane.cas_backend = bare
    described = answers("describe")
    shape = described["currentCASBackend"]
    assert (shape["limits"], shape["validationStatus"]) == (None, "invalid")
    assert (shape["validationError"], shape["createdAt"]) == ("no route to host", None)


def test_an_instance_admin_is_told_as_one(answers: Plane) -> None:
    membership = answers.box.plane.membership("acme")
    assert "instanceAdmin" not in serializers.membership(membership)["user"]
    admin = replace(membership, person=ADA._replace(instance_admin=True))
    assert serializers.membership(admin)["user"]["instanceAdmin"] is True
