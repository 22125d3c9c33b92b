"""No secret is compared byte by byte until the first difference (RFC 6749 §10.10, timing).

A stopwatch in a test would tell of the machine. So the code is read: a secret is looked up by its hash,
which tells nothing of it, or compared with `compare_digest`. Every other comparison of something that is
called like a secret stands below, with the reason why it may.
"""

import ast
import re
from pathlib import Path

import pytest

from app.server.core import passwords
from tests.support import passwords as cheap

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SERVER = sorted((ROOT / "app" / "server").rglob("*.py"))
SECRETS = re.compile(
    r"secret|token|bearer|passw|digest|hash|signature|nonce|verifier|challenge|cookie|csrf|jwt"
)
ALLOWED = {
    "hash_secret(value) == successor_hash": "hashes of what only the server can make",
    "self.token_endpoint_auth_method == method": "the name of a method, which is public",
}


def last_name(node: ast.expr) -> str:
    """The name that tells what a value is: of a call, an attribute or a variable."""
    match node:
        case ast.Call(func=inner) | ast.Await(value=inner) | ast.Subscript(value=inner):
            return last_name(inner)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def is_column(node: ast.expr) -> bool:
    """True for `Table.column`: the database does the looking up."""
    return (
        isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id[:1].isupper()
    )


def is_word(node: ast.expr) -> bool:
    """True for a constant, and for names of constants and kinds: what is public is no secret."""
    return isinstance(node, ast.Constant) or last_name(node).isupper() or "Enum" in ast.dump(node)


def suspects(tree: ast.AST) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
            continue
        sides = (node.left, node.comparators[0])
        if any(map(is_column, sides)) or any(map(is_word, sides)):
            continue
        if any(SECRETS.search(last_name(side).lower()) for side in sides):
            found.append(ast.unparse(node))
    return found


def test_rfc6749_10_10_secrets_are_looked_up_by_hash_or_compared_in_constant_time() -> None:
    found = {text for path in SERVER for text in suspects(ast.parse(path.read_text()))}
    assert found - ALLOWED.keys() == set()
    assert ALLOWED.keys() - found == set(), "no longer there: take it out of the list"


def test_this_test_finds_what_it_is_for() -> None:
    bad = (
        "def f(self, given, row):\n    return given == self._secret or row.token_hash != given or x.kid == y"
    )
    assert suspects(ast.parse(bad)) == ["given == self._secret", "row.token_hash != given"]
    good = "def f(g):\n    return Table.token_hash == digest(g) or kind == TOKEN or compare_digest(g, secret)"
    assert suspects(ast.parse(good)) == []


def test_rfc9106_passwords_are_hashed_with_argon2id(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests make their hashes cheap.
    monkeypatch.setattr(passwords, "PasswordHasher", cheap.REAL)
    made = passwords.Passwords().hash("a password")
    assert made.startswith("$argon2id$v=19$")
    memory = re.search(r"m=(\d+),t=(\d+)", made)
    assert memory is not None
    # RFC 9106 §4, the second recommended option: 64 MiB and three passes.
    assert int(memory[1]) >= 64 * 1024
    assert int(memory[2]) >= 3
