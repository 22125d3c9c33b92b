"""Hosts of a team for the shell commands of docs/server.md: folders with an address of loopback each.

`ssh`, `rsync`, `sudo`, `systemctl`, `nginx` and `loopin` are stand-ins on the PATH of the shell. The test
does what they ask for: `loopin` runs in its process, and `systemctl` starts and stops its children.
"""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.cli import Result
from tests.support.server import release
from tests.support.server_process import ServerProcess

PATIENCE = 60.0
_NAMES = ("ssh", "rsync", "sudo", "systemctl", "nginx", "loopin")
_STAND_IN = """\
#!{python} -IS
import json, os, shutil, socket, sys
name, *words = os.path.basename(sys.argv[0]), *sys.argv[1:]
host = os.environ["HOST"]
if name == "ssh":
    os.environ["HOST"] = words[0]
    os.execvp("bash", ["bash", "-c", " ".join(words[1:])])
if name == "sudo":
    assert words[:2] == ["-u", "loopin"], words
    os.execvp("env", ["env", *words[2:]])
if name == "nginx":
    os.execv({nginx!r}, ["nginx", "-c", {nginx_configuration!r}, *words])
if name == "rsync":
    option, *sources, target = words
    assert option == "-a", words
    other, _, folder = target.partition(":")
    for source in sources:
        shutil.copy2(source, folder.replace(f"/{{host}}/", f"/{{other}}/"))
    sys.exit()
os.chdir({folder!r})
with socket.socket(socket.AF_UNIX) as asking:
    asking.connect("socket")
    variables = {{k: v for k, v in os.environ.items() if k.startswith("LOOPIN_SERVER_")}}
    asking.sendall(json.dumps([name, host, words, variables]).encode())
    asking.shutdown(socket.SHUT_WR)
    code, out, err = json.loads(b"".join(iter(lambda: asking.recv(65536), b"")))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Hosts:
    """The hosts at `addresses`; each has a folder with `etc/loopin`. Their servers are ended by `stop`."""

    def __init__(
        self,
        folder: Path,
        addresses: Sequence[str],
        loopin: Callable[..., Result],
        *,
        nginx: Mapping[str, str],
    ) -> None:
        """`loopin` runs a command, `nginx` has its `program` and `configuration`."""
        self.folder, self.addresses, self._loopin = folder, addresses, loopin
        self._servers: dict[str, ServerProcess] = {}
        tools = folder / "bin"
        tools.mkdir(parents=True)
        for address in addresses:
            self.etc(address).mkdir(parents=True)
        text = _STAND_IN.format(
            python=sys.executable,
            folder=str(folder),
            nginx=nginx["program"],
            nginx_configuration=nginx["configuration"],
        )
        for name in _NAMES:
            (tools / name).write_text(text)
            (tools / name).chmod(stat.S_IRWXU)

    def etc(self, address: str) -> Path:
        """What is /etc/loopin on the host."""
        return self.folder / address / "etc" / "loopin"

    def run(self, script: str, stdin: str) -> None:
        """Run shell commands on the first host; each `loopin` reads `stdin`.

        Raise AssertionError when one fails.
        """
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path, "HOST": self.addresses[0]}
        place = self.folder / "socket"
        with socket.socket(socket.AF_UNIX) as requests, (self.folder / "output").open("w+") as output:
            requests.bind(os.path.relpath(place))
            requests.listen()
            requests.settimeout(0.05)
            command = ["bash", "-euo", "pipefail", "-c", script]
            shell = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            try:
                while shell.poll() is None:
                    self._answer_one(requests, stdin)
            finally:
                shell.kill()
                shell.wait(PATIENCE)
                place.unlink()
            output.seek(0)
            assert shell.returncode == 0, f"{script}\n{output.read()}"

    def stop(self) -> None:
        """End all servers."""
        for server in self._servers.values():
            release(server)

    def _answer_one(self, requests: socket.socket, stdin: str) -> None:
        try:
            connection, _ = requests.accept()
        except TimeoutError:
            return
        with connection:
            connection.settimeout(PATIENCE)
            name, host, words, variables = json.loads(b"".join(iter(lambda: connection.recv(65536), b"")))
            if name == "loopin":
                done = self._loopin(*words, stdin=stdin, **variables)
                answer: list[Any] = [done.code, done.out, done.err]
            else:
                self._systemctl(host, words)
                answer = [0, "", ""]
            connection.sendall(json.dumps(answer).encode())

    def _systemctl(self, host: str, words: Sequence[str]) -> None:
        action, unit = words
        assert unit == "loopin"
        if action == "reload":
            self._servers[host].send_signal(signal.SIGHUP)
            return
        if action in {"stop", "restart"}:
            server = self._servers.pop(host)
            server.terminate()
            assert server.wait(PATIENCE) == 0
            release(server)
        if action in {"start", "restart"}:
            self._servers[host] = ServerProcess(
                ["start", "--config", str(self.etc(host) / "server.toml")], self.folder / host / "log"
            )
