"""What every relay begins with: a listener, a thread for each connection, and an end for all of them."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass
class Door:
    """Gives each connection to `carry`, on a thread of its own."""

    carry: Callable[[socket.socket], None]
    _listener: socket.socket | None = None
    _inside: list[socket.socket] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """True while somebody can come in."""
        return self._listener is not None

    def open(self, listener: socket.socket) -> None:
        """Let people in through `listener`."""
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def close(self) -> None:
        """Let nobody in any more; who is inside stays."""
        listener, self._listener = self._listener, None
        if listener is not None:
            _end(listener)

    def hang_up(self) -> None:
        """Close, and end every connection."""
        self.close()
        for one in self._inside:
            _end(one)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._inside.append(client)
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes one way until `source` ends, and tell `target` so."""
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _end(one: socket.socket) -> None:
    # Closing alone would not wake a thread that waits for the socket.
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
