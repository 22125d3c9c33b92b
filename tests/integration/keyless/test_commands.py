"""A CI job at the command line, with the real server behind it."""

import asyncio
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from app.adapters.keychain.memory import MemoryVault
from app.bootstrap import Container
from app.cli import root
from app.domain.credentials import Source
from app.settings import load
from tests.integration.keyless.conftest import Trust
from tests.integration.keyless.stock import stock_control_plane
from tests.support.cli import Loopin, Result, secrets_in
from tests.support.databases import ON_BOTH, URL_FILE
from tests.support.issuer import DISCOVERY, Issuer, github_claims, github_job, gitlab_job
from tests.support.organizations import Organization
from tests.support.server import AccountServer, sign_in


@dataclass
class Job:
    """Runs commands in this process, with the variables of a CI job and a keychain that fails."""

    folder: Path
    patch: pytest.MonkeyPatch
    capture: pytest.CaptureFixture[str]
    environment: dict[str, str]

    def __call__(self, *arguments: str, **more: str) -> Result:
        """Run one command; a variable given as "" is taken away."""
        self.capture.readouterr()
        folders = {"LOOPIN_CONFIG_DIR": str(self.folder), "LOOPIN_STATE_DIR": str(self.folder)}
        with self.patch.context() as patch:
            for name, value in (self.environment | folders | more).items():
                patch.setenv(name, value)
            code = root.run(arguments)
        said = self.capture.readouterr()
        assert "Traceback" not in said.out + said.err
        return Result(code, said.out, said.err)

    def line(self, line: str) -> Result:
        """Run a command line without the leading `loopin`."""
        return self(*line.split())


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Job:
    """The command outside any job."""
    return Job(tmp_path / "loopin", monkeypatch, capsys, {})


@pytest.fixture
def job(shell: Job, plane: AccountServer, issuer: Issuer) -> Job:
    """The command inside a GitLab job, without a keychain and with nothing else set."""
    shell.environment = gitlab_job(issuer) | {
        "CHAINLOOP_CONTROL_PLANE_API": plane.grpc,
        "CHAINLOOP_API_INSECURE": "true",
    }
    return shell


def files(folder: Path) -> str:
    """Everything that was written."""
    return "".join(path.read_text() for path in folder.rglob("*") if path.is_file())


def test_inspect_shows_what_a_valid_token_says(job: Job) -> None:
    """Project, ref, workflow, runner, time left, and what it may do; never the token."""
    done = job("chainloop", "keyless", "inspect").works()
    for said in (
        *(
            "System: GitLab CI",
            "Project: acme/web",
            "Ref: main",
            "Runner: self-hosted",
            "Audience: chainloop",
        ),
        *(
            ".gitlab-ci.yml@refs/heads/main",
            "in 14 min",
            "May: make attestations",
            "May not: list, create or revoke",
        ),
    ):
        assert said in done.out
    assert secrets_in(done.out + done.err) == []


def test_inspect_as_json(job: Job) -> None:
    """One object, the same keys each time."""
    shape = job("chainloop", "keyless", "inspect", "-o", "json").works().json
    assert (shape["valid"], shape["system"], shape["project"], shape["ref"]) == (
        True,
        "gitlab",
        "acme/web",
        "main",
    )
    assert 800 < shape["seconds_left"] <= 900
    assert shape["expires_at"].endswith("Z")
    assert shape["may"]
    assert shape["may_not"]


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"aud": "x"}, "wrong_audience", 'the token is for "x", not for chainloop'),
        ({"exp": 1}, "expired", "the token ended at 1970-01-01 00:00:01 UTC"),
        (
            {"project_path": "other/x"},
            "wrong_job",
            "for other/x, and this job belongs to acme/web",
        ),
    ],
)
def test_inspect_of_a_bad_token_fails_with_its_sentence(
    job: Job, issuer: Issuer, changes: dict[str, Any], code: str, said: str
) -> None:
    """Exit code 3, on standard error or in the JSON."""
    bad = issuer.gitlab(**changes).reveal()
    job("chainloop", "keyless", "inspect", GITLAB_OIDC=bad).fails(3, said, "next:")
    answer = job("chainloop", "keyless", "inspect", "-o", "json", GITLAB_OIDC=bad).fails(3)
    assert (answer.json["valid"], answer.json["code"]) == (False, code)
    assert said in answer.json["reason"]
    assert secrets_in(answer.out + answer.err) == []


def test_inspect_outside_a_job_and_with_an_issuer_that_is_down(shell: Job, issuer: Issuer) -> None:
    """Nothing to inspect is 3, nobody to ask is 5."""
    shell("chainloop", "keyless", "inspect").fails(3, "not a GitLab CI or GitHub Actions job")
    issuer.answers[DISCOVERY] = (500, {}, b"")
    shell("chainloop", "keyless", "inspect", **gitlab_job(issuer)).fails(5, "out of order")


def test_a_job_signs_in_and_nothing_is_stored(
    job: Job, organization: Organization, trust: Trust, issuer: Issuer
) -> None:
    """Without a keychain: there is nothing to put into it."""
    trust()
    done = job("chainloop", "auth", "login", "--keyless").works()
    name = organization.name
    for said in ("Signed in as: acme/web", f"Organization: {name}", "Stored: never stored", "May not: list"):
        assert said in done.out
    shape = job("chainloop", "auth", "login", "--keyless", "-o", "json").works().json
    assert (shape["method"], shape["identity"], shape["organization"], shape["stored_in"]) == (
        *("keyless", "acme/web", name),
        "",
    )
    written = files(job.folder)
    assert '"login"' in written
    assert secrets_in(written) == []
    assert issuer.token().reveal().rpartition(".")[0] not in written


def test_a_github_job_signs_in_the_same_way(job: Job, trust: Trust, issuer: Issuer) -> None:
    """It asks GitHub for its token first."""
    issuer.path = "/_services/token"
    trust(repository="acme/*")
    gitlab = dict.fromkeys(gitlab_job(issuer), "")
    here = gitlab | github_job(issuer, issuer.token(github_claims(issuer.name)))
    assert "Signed in as: acme/shop" in job("chainloop", "auth", "login", "--keyless", **here).works().out


def test_a_server_that_does_not_trust_the_job_says_so(job: Job, issuer: Issuer) -> None:
    """With whom to ask."""
    job("chainloop", "auth", "login", "--keyless").fails(
        1, f": the CI identity is not accepted: nobody here trusts the issuer {issuer.name}", "administrator"
    )


def test_a_stock_control_plane_that_shows_no_context_is_no_failure(job: Job) -> None:
    """The token is valid; that is what was asked."""
    with stock_control_plane() as address:
        done = job("chainloop", "auth", "login", "--keyless", CHAINLOOP_CONTROL_PLANE_API=address).works()
    assert "does not show its context to CI identities" in done.out
    assert "Organization: not told by this control plane" in done.out


def test_it_is_in_effect_when_nothing_else_is_set(job: Job, organization: Organization, trust: Trust) -> None:
    """Status names it, with the reason; the missing keychain is a warning."""
    trust()
    chainloop = _chainloop(job("status", "--json").works().json)
    assert (chainloop["signed_in"], chainloop["source"], chainloop["method"]) == (True, "ci", "keyless")
    assert (chainloop["identity"], chainloop["organization"]) == ("acme/web", organization.name)
    last = chainloop["candidates"][-1]
    assert (last["source"], last["in_effect"]) == ("ci", True)
    assert last["reason"] == "in effect: this is a CI job, and nothing else is set"
    assert chainloop["warnings"]


def test_a_token_in_the_environment_wins(job: Job, plane: AccountServer, issuer: Issuer) -> None:
    """And the CI system is not even asked."""
    chainloop = _chainloop(job("status", "--json", CHAINLOOP_TOKEN=sign_in(plane, *plane.owner)).works().json)
    assert (chainloop["source"], chainloop["identity"]) == ("environment", plane.owner[0])
    assert chainloop["candidates"][-1]["reason"] == "ignored while CHAINLOOP_TOKEN is set"
    assert issuer.asked == []


def test_a_bad_token_signs_nobody_in_and_says_why(job: Job, issuer: Issuer) -> None:
    """The reason stands where the candidates are listed, and in the error of every other command."""
    bad = issuer.gitlab(exp=1).reveal()
    answer = job("status", "--json", GITLAB_OIDC=bad).fails(3)
    assert "the token ended at" in _chainloop(answer.json)["candidates"][-1]["reason"]
    job("chainloop", "organization", "describe", GITLAB_OIDC=bad).fails(3, "the token ended at")


def test_tokens_and_settings_are_not_its_business(job: Job, trust: Trust) -> None:
    """Refused with the reason, whatever is tried."""
    trust()
    for line in (
        "chainloop organization api-token list",
        "chainloop organization api-token create --name from-ci",
        "chainloop organization update --api-token-max-days-inactive 90 --yes",
    ):
        assert job.line(line).code in {1, 2}, line
        assert "CI identity" in job.line(line).err, line


def test_it_reads_its_own_context(job: Job, organization: Organization, trust: Trust) -> None:
    """`organization describe` works."""
    trust()
    assert organization.name in job("chainloop", "organization", "describe").works().out


def test_the_demo_is_nobodys_job(shell: Job, issuer: Issuer) -> None:
    """Even where it runs inside one."""
    with shell.patch.context() as patch:
        for name, value in gitlab_job(issuer).items():
            patch.setenv(name, value)
        settings = replace(load({}), demo=True)
        box = Container(settings, vault=MemoryVault())
        resolution = asyncio.run(box.chainloop_session.resolve())
    assert resolution.credential is None
    assert Source.CI not in {candidate.source for candidate in resolution.candidates}


def test_another_program_gets_it_in_its_environment_only(
    loopin: Loopin, plane: AccountServer, issuer: Issuer
) -> None:
    """`loopin run` hands the token of the job to the vendor's command."""
    loopin.environment = gitlab_job(issuer) | {"CHAINLOOP_CONTROL_PLANE_API": plane.grpc}
    program = "from os import environ as e; print(e['CHAINLOOP_TOKEN'] == e['GITLAB_OIDC'])"
    done = loopin.process("run", "--provider", "chainloop", "--", sys.executable, "-c", program)
    assert done.works().out.strip() == "True"


def test_keyless_excludes_what_contradicts_it(job: Job) -> None:
    """Bad usage."""
    job("chainloop", "auth", "login", "--keyless", "--token", "x").fails(2, "exclude each other")
    job("chainloop", "auth", "login", "--keyless", "--skip-browser").fails(2, "exclude each other")


def test_the_snippet_can_be_pasted(shell: Job) -> None:
    """With the names filled in, and nothing that a shell would run."""
    done = shell("chainloop", "keyless", "snippet", "--org", "acme", "--project", "web").works()
    assert "GITLAB_OIDC:\n      aud: chainloop" in done.out
    assert "--org acme --project web" in " ".join(done.out.split())
    hostile = shell("chainloop", "keyless", "snippet", "--project", "$(id)", "--system", "github").works()
    assert "id-token: write" in hostile.out
    assert "$(" not in hostile.out


def _chainloop(status: Any) -> dict[str, Any]:
    found: dict[str, Any] = next(item for item in status["providers"] if item["provider"] == "chainloop")
    return found


@ON_BOTH
def test_issuers_are_added_listed_and_removed(shell: Job, organization: Organization, issuer: Issuer) -> None:
    """By hand, as an operator does."""
    here, name = place_of(organization.server), organization.name
    add = ("server", "issuer", "add", "--org", name, "--url", issuer.name, *here)
    shell(*add).fails(2, "every project of that CI system would be trusted", "--claim project_path=acme/*")
    shell(*add, "--claim", "project_path").fails(2, "is no condition")
    shell(*add, "--claim", "a=b", "--project", "nope").fails(1, "there is no project 'nope'")
    shape = shell(*add, "--claim", "ref=main", "--project", "web", "-o", "json").works().json
    assert (shape["url"], shape["claims"], shape["project"]) == (issuer.name, {"ref": "main"}, "web")
    shell(*add, "--claim", "ref=main", "--project", "web").fails(1, "is trusted already")
    listed = shell("server", "issuer", "list", "--org", name, "-o", "json", *here).works().json
    assert shape["id"] in {item["id"] for item in listed}
    shell("server", "issuer", "remove", "--id", shape["id"], *here).works()
    shell("server", "issuer", "remove", "--id", shape["id"], *here).fails(1, "no trusted issuer of that id")
    assert shape["id"] not in shell("server", "issuer", "list", *here).works().out


def test_an_address_that_is_no_issuer_is_not_added(
    shell: Job, organization: Organization, issuer: Issuer
) -> None:
    """It is asked at once, under the name that its tokens would carry."""
    here = place_of(organization.server)
    add = ("server", "issuer", "add", "--org", organization.name, "--claim", "ref=main", *here, "--url")
    shell(*add, f"{issuer.url}/").fails(1, "describes another issuer")
    shell(*add, "http://gitlab.example").fails(2, "must begin with https")
    issuer.answers[DISCOVERY] = (404, {}, b"")
    shell(*add, issuer.url).fails(1, "answered 404")
    shape = shell(*add, issuer.url, "--no-check", "-o", "json").works().json
    shell("server", "issuer", "remove", "--id", shape["id"], *here).works()


def place_of(server: AccountServer) -> tuple[str, str]:
    """Where an operator's command finds the server's database."""
    url = server.data / URL_FILE
    return ("--database-url-file", str(url)) if url.exists() else ("--data", str(server.data))


def test_a_folder_without_a_server_is_left_alone(shell: Job, tmp_path: Path) -> None:
    """No database appears by mistake."""
    nowhere = tmp_path / "nowhere"
    shell("server", "issuer", "list", "--data", str(nowhere)).fails(2, "there is no account server in")
    assert not nowhere.exists()


def test_json_is_escaped(job: Job, issuer: Issuer) -> None:
    """What a CI system says cannot reach the terminal raw."""
    token = issuer.gitlab(ref="\x1b[31mred\u202e").reveal()
    for output in ("table", "json"):
        done = job("chainloop", "keyless", "inspect", "-o", output, GITLAB_OIDC=token).works()
        assert "\x1b" not in done.out
        assert "\u202e" not in done.out
    assert json.loads(done.out)["ref"] == "\x1b[31mred\u202e"
