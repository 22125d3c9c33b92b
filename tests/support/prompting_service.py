"""A Secret Service that is locked and asks a person, on a bus of its own; the person is the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from jeepney import DBusAddress, Message, MessageType, message_bus, new_method_return, new_signal
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from jeepney.low_level import HeaderFields

from tests.support.vaults import Bus

COLLECTION = "/org/freedesktop/secrets/collection/login"
PROMPT = "/org/freedesktop/secrets/prompt/1"
_TICK = 0.05


@dataclass
class PromptingService:
    """What a person does at the prompt: `answer` it, `dismiss` it, or nothing."""

    does: str = ""
    locked: bool = True
    shown: threading.Event = field(default_factory=threading.Event)
    taken_away: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: DBusConnection, stop: threading.Event) -> None:
        """Answer calls until `stop` is set."""
        while not stop.is_set():
            try:
                message = connection.receive(timeout=_TICK)
            except TimeoutError:
                continue
            if message.header.message_type is MessageType.method_call:
                self._answer(connection, message)

    def _answer(self, connection: DBusConnection, message: Message) -> None:
        match message.header.fields[HeaderFields.member]:
            case "ReadAlias":
                reply: tuple[str, tuple[object, ...]] = ("o", (COLLECTION,))
            case "Get" if message.body[1] == "Locked":
                reply = ("v", (("b", self.locked),))
            case "Get":
                reply = ("v", (("s", "Login"),))
            case "Unlock":
                reply = ("aoo", ([], PROMPT) if self.locked else ([COLLECTION], "/"))
            case _:
                reply = ("", ())
        connection.send(new_method_return(message, *reply))
        match message.header.fields[HeaderFields.member]:
            case "Prompt":
                self.shown.set()
                if self.does:
                    self.locked = self.does != "answer"
                    self._complete(connection)
            case "Dismiss":
                self.taken_away.set()
                self._complete(connection)

    def _complete(self, connection: DBusConnection) -> None:
        prompt = DBusAddress(PROMPT, interface="org.freedesktop.Secret.Prompt")
        connection.send(new_signal(prompt, "Completed", "bv", (self.locked, ("ao", []))))


@contextmanager
def prompting(bus: Bus, does: str = "") -> Iterator[PromptingService]:
    """Run one on `bus`."""
    service, stop = PromptingService(does), threading.Event()
    with open_dbus_connection(bus.environment["DBUS_SESSION_BUS_ADDRESS"]) as connection:
        connection.send_and_get_reply(message_bus.RequestName("org.freedesktop.secrets"))
        thread = threading.Thread(target=service.serve, args=(connection, stop))
        thread.start()
        try:
            yield service
        finally:
            stop.set()
            thread.join()
