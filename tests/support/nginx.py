"""The nginx of docs/deploy in front of servers of a test, on a port of loopback."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support import require
from tests.support.canaille import free_port
from tests.support.peers import Certificate

CONFIGURATION = require.ROOT / "docs" / "deploy" / "nginx.conf"
PATIENCE = 30.0
_MAIN = """\
{user}daemon off;
worker_processes 1;
pid {folder}/pid;
error_log {folder}/errors notice;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/bodies;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/loopin.conf;
}}
"""


class Nginx:
    """A running proxy. `address` is host and port, `pem` the certificate that it shows.

    `configuration` is the file of docs/deploy with this proxy's addresses.
    """

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        self._folder, self.pem = folder, certificate.pem
        self._chain, self._key = certificate.files(folder / "tls")
        self.configuration, self.pid_file = folder / "loopin.conf", folder / "pid"
        self.address = f"127.0.0.1:{free_port()}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, pages: Sequence[str], calls: Sequence[str]) -> None:
        """Serve what is behind these addresses, each host and port."""
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self._folder / "nginx.conf").write_text(_MAIN.format(user=user, folder=self._folder))
        self._configure(pages, calls)
        program = require.tool("nginx", "/usr/sbin/nginx")
        command = [program, "-p", str(self._folder), "-c", str(self._folder / "nginx.conf")]
        subprocess.run([*command, "-t", "-q"], check=True, timeout=PATIENCE)
        self._process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        self._wait_until(lambda: bool(self._workers()))

    def use(self, pages: Sequence[str], calls: Sequence[str]) -> None:
        """Change what is behind it, and return when nothing goes anywhere else any more."""
        assert self._process is not None
        before = self._workers()
        self._configure(pages, calls)
        self._process.send_signal(signal.SIGHUP)
        self._wait_until(lambda: not before & self._workers() and bool(self._workers()))

    def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)

    def _configure(self, pages: Sequence[str], calls: Sequence[str]) -> None:
        text = CONFIGURATION.read_text()
        for old, new in (
            ("listen 443", f"listen {self.address}"),
            ("/etc/nginx/tls/chain.pem", str(self._chain)),
            ("/etc/nginx/tls/key.pem", str(self._key)),
            ("    server server:8080 fail_timeout=2s;\n", _servers(pages)),
            ("    server server:9090 fail_timeout=2s;\n", _servers(calls)),
        ):
            assert old in text, old
            text = text.replace(old, new)
        self.configuration.write_text(text)

    def _workers(self) -> set[str]:
        assert self._process is not None
        pid = self._process.pid
        return set(Path(f"/proc/{pid}/task/{pid}/children").read_text().split())

    def _wait_until(self, true: Callable[[], bool]) -> None:
        assert self._process is not None
        end = time.monotonic() + PATIENCE
        while not true():
            if self._process.poll() is not None or time.monotonic() > end:
                raise AssertionError((self._folder / "errors").read_text())
            time.sleep(0.02)  # nginx tells nobody


def _servers(addresses: Sequence[str]) -> str:
    return "".join(f"    server {address} fail_timeout=2s;\n" for address in addresses)


@contextmanager
def in_front_of(
    folder: Path, certificate: Certificate, pages: Sequence[str], calls: Sequence[str]
) -> Iterator[Nginx]:
    """An nginx that serves these."""
    folder.mkdir()
    proxy = Nginx(folder, certificate)
    try:
        proxy.start(pages, calls)
        yield proxy
    finally:
        proxy.stop()
