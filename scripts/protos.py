"""Compile app/proto/**/*.proto into the Python modules beside them.

    python scripts/protos.py           write the modules
    python scripts/protos.py --check   write nothing; exit 1 when a module is stale

The compiler writes `from controlplane.v1 import …`; the modules live in `app.proto.controlplane.v1`,
so the imports are rewritten. Needs grpcio-tools (extra `dev`).
"""

import argparse
import re
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "app" / "proto"


def compile_into(folder: Path) -> None:
    """Run protoc over every .proto file and rewrite the imports of what it made."""
    sources = sorted(str(p.relative_to(PROTO)) for p in PROTO.rglob("*.proto"))
    out = [f"--{kind}_out={folder}" for kind in ("python", "pyi", "grpc_python")]
    include = str(files("grpc_tools") / "_proto")
    if protoc.main(["protoc", f"-I{PROTO}", f"-I{include}", *out, *sources]):
        raise SystemExit("protoc failed")
    for made in [*folder.rglob("*_pb2*.py"), *folder.rglob("*_pb2.pyi")]:
        text = re.sub(r"^from controlplane\.", "from app.proto.controlplane.", made.read_text(), flags=re.M)
        made.write_text(text)


def main() -> int:
    """Write the modules, or compare them with what the .proto files would give."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compile_into(folder)
        made = {p.relative_to(folder): p.read_text() for p in folder.rglob("*_pb2*.py*")}
    stale = [
        str(p) for p, text in made.items() if not (PROTO / p).is_file() or (PROTO / p).read_text() != text
    ]
    if check and stale:
        print("stale, run python scripts/protos.py:", *sorted(stale), sep="\n  ")
        return 1
    for path in stale:
        (PROTO / path).write_text(made[Path(path)])
    print(f"{len(made)} modules, {len(stale)} {'stale' if check else 'written'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
