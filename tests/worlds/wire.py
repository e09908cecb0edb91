"""HTTP on a real socket, in the running loop: as little of it as the product's client speaks."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

from tests.worlds.graph import Graph, Mishap, Refused


@asynccontextmanager
async def serving(graph: Graph) -> AsyncIterator[str]:
    """Serve on loopback, in the running loop; gives the base URL."""
    open_tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            open_tasks.add(task)
            task.add_done_callback(open_tasks.discard)
        try:
            while await _exchange(graph, reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has gone, or the world has ended
        except Exception as problem:  # noqa: BLE001 - the player raises it
            graph.failure = graph.failure or problem
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.close()
        for task in list(open_tasks):
            task.cancel()
        await asyncio.gather(*open_tasks, return_exceptions=True)


async def _exchange(
    graph: Graph, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> bool:
    """One request and its answer; False when the connection is over."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request, *lines = head.split("\r\n")
    method, target, _ = request.split(" ")
    headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    graph.requests += 1
    url = urlsplit(target)
    status, mishap = 200, None
    try:
        if method == "GET":
            document = graph.get(url.path, dict(parse_qsl(url.query)))
        else:
            document, mishap = graph.post(url.path, dict(parse_qsl(body.decode())))
    except Refused as refusal:
        status, document = refusal.status, refusal.body
    if mishap in (Mishap.LOST, Mishap.NEVER_CAME):
        writer.transport.abort()
        return False
    content = json.dumps(document).encode()
    date_header = format_datetime(graph.shop.moment(), usegmt=True)
    writer.write(
        f"HTTP/1.1 {status} OK\r\nDate: {date_header}\r\nfacebook-api-version: v26.0\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )
    await writer.drain()
    return True
