"""Who may call what. The tests hold the server to this table, and docs/permissions.md shows it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.domain import permissions

YES = "yes"
DENIED = "no"
PROJECT_ONLY = "in a project"
ITS_PROJECTS = "no, in a project"
NEEDS_PERSON = "persons only"
ADMINS = "no, admins do"
NO_ORGANIZATION = "no organization"
NO_PROJECT = "no such project"
NO_TOKEN = "no such token"
CI = "no, context only"
# What the caller is told: the gRPC status and the sentence.
ANSWERS: Mapping[str, tuple[str, str]] = {
    YES: ("OK", ""),
    DENIED: ("PERMISSION_DENIED", "operation not allowed"),
    ADMINS: ("PERMISSION_DENIED", "operation not allowed"),
    PROJECT_ONLY: (
        "INVALID_ARGUMENT",
        "this identity cannot manage API tokens of the organization, name a project",
    ),
    ITS_PROJECTS: (
        "PERMISSION_DENIED",
        "this identity cannot manage API tokens of the organization, name a project",
    ),
    NEEDS_PERSON: ("NOT_FOUND", "logged in user not found"),
    NO_ORGANIZATION: ("PERMISSION_DENIED", "user with id … has no current organization"),
    NO_PROJECT: ("NOT_FOUND", "project … not found"),
    NO_TOKEN: ("NOT_FOUND", "API token not found"),
    CI: ("PERMISSION_DENIED", "operation not allowed: a CI identity may only read its own context"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """One call, and what each kind of caller gets.

    The member and the contributor are admins of "its project", the reader is a member who is a viewer there;
    in the other project they have no role.

    A token gets `organization` or `project`, by its own scope, when it holds `permission`, and DENIED
    without it. A call without a permission asks only what the caller is.
    """

    name: str
    permission: str
    owner: str
    admin: str
    member: str
    contributor: str
    reader: str
    viewer: str
    loner: str
    job: str
    organization: str
    project: str

    def for_token(self, scope: str, held: frozenset[str]) -> str:
        """What a token of that scope gets with these permissions."""
        if self.permission and self.permission not in held:
            return DENIED
        return self.organization if scope == "organization" else self.project


def _person(name: str, *roles: str, token: str = NEEDS_PERSON) -> Call:
    owner, admin, member, contributor, reader, viewer, loner = roles
    return Call(name, "", owner, admin, member, contributor, reader, viewer, loner, CI, token, token)


def shown(answer: tuple[str, str]) -> tuple[str, str]:
    """An answer with what is different each time left out."""
    code, sentence = answer
    return code, re.sub(r"(user with id|project) (\S+) ", r"\1 … ", sentence)


def _managed(name: str, permission: str, member: str, reader: str, organization: str, project: str) -> Call:
    people = (YES, YES, member, member, reader, DENIED, NO_ORGANIZATION, CI)
    return Call(name, permission, *people, organization, project)


_LIST, _CREATE, _REVOKE = permissions.TOKEN_LIST, permissions.TOKEN_CREATE, permissions.TOKEN_REVOKE
TABLE = (
    Call("Infoz", "", *[YES] * 10),
    Call("Statusz", "", *[YES] * 10),
    Call("Current", permissions.ORGANIZATION_READ, *[YES] * 10),
    _person("ListMemberships", *[YES] * 7),
    _person("SetCurrentMembership", *[YES] * 6, NO_ORGANIZATION),
    _person("Update", YES, YES, ADMINS, ADMINS, ADMINS, ADMINS, NO_ORGANIZATION, token=DENIED),
    _managed("List", _LIST, YES, YES, YES, YES),
    _managed("List its project", _LIST, YES, YES, YES, YES),
    _managed("List another project", _LIST, DENIED, DENIED, YES, NO_PROJECT),
    _managed("Create for the organization", _CREATE, PROJECT_ONLY, PROJECT_ONLY, ITS_PROJECTS, ITS_PROJECTS),
    _managed("Create in its project", _CREATE, YES, DENIED, YES, YES),
    _managed("Create in another project", _CREATE, DENIED, DENIED, YES, NO_PROJECT),
    _managed(
        "Revoke a token of the organization", _REVOKE, PROJECT_ONLY, PROJECT_ONLY, ITS_PROJECTS, ITS_PROJECTS
    ),
    _managed("Revoke a token of its project", _REVOKE, YES, DENIED, YES, YES),
    _managed("Revoke a token of another project", _REVOKE, NO_TOKEN, NO_TOKEN, YES, NO_TOKEN),
)
CALLS: Mapping[str, Call] = {call.name: call for call in TABLE}
PEOPLE = ("owner", "admin", "member", "contributor", "reader", "viewer", "loner", "job")
SETS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "Default, organization": ("organization", permissions.default(in_project=False)),
    "Default, project": ("project", permissions.default(in_project=True)),
    "Read-only, organization": ("organization", permissions.READ_ONLY),
    "Read-only, project": ("project", permissions.READ_ONLY),
}


def as_markdown() -> str:
    """The tables of docs/permissions.md."""
    heads = (
        "owner",
        "admin",
        "member, project admin",
        "contributor, project admin",
        "member, project viewer",
        "viewer",
        "no organization",
        "CI job",
    )
    people = [[call.name, *(getattr(call, who) for who in PEOPLE)] for call in TABLE]
    tokens = [
        [call.name, f"`{call.permission}`" if call.permission else "none", call.organization, call.project]
        for call in TABLE
    ]
    sets = [
        [name, ", ".join(f"`{held}`" for held in names), *_opens(scope, names)]
        for name, (scope, names) in SETS.items()
    ]
    return "\n".join(
        (
            "## People and CI jobs\n",
            _table(("Call", *heads), people),
            "## API tokens\n",
            "A token that does not hold the permission is refused: no. With it:\n",
            _table(("Call", "Permission", "token of the organization", "token of a project"), tokens),
            "## The usual sets\n",
            _table(("Set", "Permissions", "Opens"), sets),
            "## What the answers mean\n",
            _table(
                ("In the tables", "Status", "Sentence"),
                [[short, f"`{code}`", text] for short, (code, text) in ANSWERS.items()],
            ),
        )
    )


def _opens(scope: str, names: tuple[str, ...]) -> list[str]:
    held = frozenset(names)
    return [", ".join(c.name for c in TABLE if c.permission and c.for_token(scope, held) == YES)]


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
