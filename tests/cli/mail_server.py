"""A real SMTP server on loopback, which may be out of order."""

import email
import email.policy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


@dataclass
class MailServer:
    """`refusal` is what it answers to a message instead of taking it."""

    port: int
    envelopes: list[Any] = field(default_factory=list)
    refusal: str | None = None

    async def handle_DATA(  # noqa: N802 - aiosmtpd calls it so
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.refusal is not None:
            return self.refusal
        self.envelopes.append(envelope)
        return "250 OK"

    @property
    def messages(self) -> list[EmailMessage]:
        parsed = [
            email.message_from_bytes(one.content, policy=email.policy.default)
            for one in self.envelopes
        ]
        for message in parsed:
            assert not message.defects
        return parsed

    def url(self, to: str = "ana@shop.example") -> str:
        return f"mailto://127.0.0.1:{self.port}?from=meta-auto@shop.example&to={to}"


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = MailServer(free.getsockname()[1])
    controller = Controller(server, hostname="127.0.0.1", port=server.port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()
