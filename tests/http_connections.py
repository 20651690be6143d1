"""Kept connections that post and read answers: cheap enough to load a server from one core."""

import asyncio
from collections.abc import Mapping


class Connections:
    """At most `count` connections to one server; whoever posts waits for a free one."""

    def __init__(self, port: int, count: int) -> None:
        self._port = port
        self._count = count
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]

    async def __aenter__(self) -> "Connections":
        self._free = asyncio.Queue()
        for _ in range(self._count):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))
        return self

    async def __aexit__(self, *_: object) -> None:
        while not self._free.empty():
            self._free.get_nowait()[1].close()

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status of the answer.

        Raises:
            OSError, asyncio.IncompleteReadError: the server hung up.
        """
        reader, writer = await self._free.get()
        try:
            return await _exchange(reader, writer, path, body, headers)
        finally:
            # A broken one too: whoever takes it next hears at once that the server is gone.
            self._free.put_nowait((reader, writer))


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    path: str,
    body: bytes,
    headers: Mapping[str, str],
) -> int:
    lines = [f"POST {path} HTTP/1.1", "Host: inbox", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = head.partition("content-length:")[2].partition("\r\n")[0].strip()
    await reader.readexactly(int(length or 0))
    return int(head.split(" ", 2)[1])
