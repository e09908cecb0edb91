"""HTTP on loopback: real sockets, keep-alive, fast to start and to stop."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from meta_autonomous.adapters.sandbox.exchange import Reply, Request
from meta_autonomous.adapters.sandbox.faults import Fault

#: Works a request: the reply, and how to misdeliver it. Called with the request and the base URL.
App = Callable[[Request, str], tuple[Reply | None, Fault]]

_POLL_SECONDS: Final = 0.02
_LARGEST_BODY: Final = 10_000_000


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 300  # an abandoned keep-alive connection does not hold its thread for ever
    server: "_Server"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Silent: the program has its own log, and request targets may carry secrets."""

    def do_GET(self) -> None:
        self._work()

    def do_POST(self) -> None:
        self._work()

    def do_DELETE(self) -> None:
        self._work()

    def _work(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(min(length, _LARGEST_BODY))
        if len(body) < length:
            self.close_connection = True  # the client died while sending: nothing was asked
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request.parse(self.command, self.path, headers, body)
        reply, fault = self.server.app(request, self.server.base_url)
        if fault.hang:
            self.server.stopping.wait(fault.hang)
        if reply is None:
            self._reset()
            return
        self._send(_head(reply) + reply.body, fault.drip)

    def _send(self, raw: bytes, drip: float) -> None:
        try:
            if not drip:
                self.wfile.write(raw)
                return
            for index in range(len(raw)):
                self.wfile.write(raw[index : index + 1])
                if self.server.stopping.wait(drip):
                    break
        except OSError:
            self.close_connection = True  # the client has gone

    def _reset(self) -> None:
        """Close so that the client sees a reset, not an orderly end."""
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self.connection.close()

    def handle(self) -> None:
        # A client may vanish at any byte; that is what half of the tests are about.
        with contextlib.suppress(OSError, ValueError):
            super().handle()

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()


def _head(reply: Reply) -> bytes:
    headers: Mapping[str, str] = {**reply.headers, "Content-Length": str(len(reply.body))}
    phrase = HTTPStatus(reply.status).phrase
    lines = [f"HTTP/1.1 {reply.status} {phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], app: App) -> None:
        super().__init__(address, _Handler)
        host, port = self.socket.getsockname()[:2]
        self.app = app
        self.base_url = f"http://{host}:{port}"
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()

    def server_bind(self) -> None:
        # HTTPServer would look up the host's name, which can take seconds without a resolver.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        host, port = self.socket.getsockname()[:2]
        self.server_address = (host, port)
        self.server_name, self.server_port = host, port

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Errors of single connections concern the client that broke them."""

    def stop(self) -> None:
        """End at once, idle keep-alive connections and hanging answers included."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        with self._guard:
            still_open = list(self._open)
        for connection in still_open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serve(app: App, host: str, port: int) -> Iterator[str]:
    """Serve in a daemon thread while the context is open; gives the base URL."""
    server = _Server((host, port), app)
    thread = threading.Thread(
        target=server.serve_forever, args=(_POLL_SECONDS,), name="sandbox", daemon=True
    )
    thread.start()
    try:
        yield server.base_url
    finally:
        server.stop()
        thread.join()
