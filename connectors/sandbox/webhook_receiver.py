"""A real webhook receiver for demos and tests: verifies, deduplicates, stores, and fails on demand.

The signature check is written from the Standard Webhooks specification with `hmac`, not with the
library that the sink signs with, so that the two prove each other.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

_TOLERANCE_SECONDS = 300
_LARGEST_BODY = 1_000_000


@dataclass(frozen=True)
class Faults:
    """Shares (0 to 1) of requests that go wrong, drawn from a seeded generator.

    Attributes:
        drop: the connection is closed without an answer and nothing is stored.
        delay: the answer waits `delay_seconds` first.
        too_many: answers 429 with a pause of zero seconds and stores nothing.
        server_error: answers 500 and stores nothing.
        lost_acknowledgement: stores the body but answers 500.
        delay_seconds: how long a delayed answer waits.
        seed: of the generator.
    """

    drop: float = 0.0
    delay: float = 0.0
    too_many: float = 0.0
    server_error: float = 0.0
    lost_acknowledgement: float = 0.0
    delay_seconds: float = 0.05
    seed: int = 7


class WebhookReceiver:
    """What the receiver knows: its secret, the ids it accepted and the file they are in."""

    def __init__(self, path: Path, secret: str, faults: Faults | None = None) -> None:
        self._path = path
        self._key = _decode_secret(secret)
        self._faults = faults or Faults()
        self._random = random.Random(self._faults.seed)  # noqa: S311 - faults, not secrets
        self._lock = threading.Lock()
        self._accepted: set[str] = set()
        self.counts: Counter[str] = Counter()
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            lines = path.read_text(encoding="utf-8").splitlines()
            self._accepted = {str(json.loads(line)["id"]) for line in lines}

    def answer(self, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str]] | None:
        """Status and headers for one request; None means: hang up."""
        fault = self._draw_fault()
        if fault == "delay":
            time.sleep(self._faults.delay_seconds)
        if fault == "drop":
            return None
        if fault == "too_many":
            return 429, {"retry-after": "0"}
        if fault == "server_error":
            return 500, {}
        message_id = self.verify(headers, body)
        if message_id is None:
            self._count("refused")
            return 401, {}
        is_new = self._store_once(message_id, body)
        if fault == "lost_acknowledgement":
            return 500, {}
        return 200, {"webhook-duplicate": "false" if is_new else "true"}

    def verify(self, headers: Mapping[str, str], body: bytes) -> str | None:
        """The message's id when its signature is right and its time is near; else None."""
        given = {name.lower(): value for name, value in headers.items()}
        message_id, stamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
        if not message_id or not stamp.isdigit():
            return None
        if abs(time.time() - int(stamp)) > _TOLERANCE_SECONDS:
            return None
        signed = message_id.encode() + b"." + stamp.encode() + b"." + body
        digest = hmac.digest(self._key, signed, hashlib.sha256)
        expected = b"v1," + base64.b64encode(digest)
        candidates = given.get("webhook-signature", "").encode().split(b" ")
        return message_id if any(hmac.compare_digest(expected, one) for one in candidates) else None

    def _store_once(self, message_id: str, body: bytes) -> bool:
        with self._lock:
            if message_id in self._accepted:
                self.counts["duplicates"] += 1
                return False
            line = json.dumps({"id": message_id, "body": json.loads(body)}, ensure_ascii=False)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
                file.flush()
                os.fsync(file.fileno())
            self._accepted.add(message_id)
            self.counts["accepted"] += 1
            return True

    def _draw_fault(self) -> str | None:
        with self._lock:
            drawn = self._random.random()
            for fault in ("drop", "delay", "too_many", "server_error", "lost_acknowledgement"):
                drawn -= getattr(self._faults, fault)
                if drawn < 0:
                    self.counts[fault] += 1
                    return fault
        return None

    def _count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1


class _Server(ThreadingHTTPServer):
    """The HTTP server that holds one receiver."""

    daemon_threads = True
    receiver: WebhookReceiver


class _Handler(BaseHTTPRequestHandler):
    """Turns HTTP requests into calls of the receiver."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_POST(self) -> None:
        """Answer one webhook."""
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._reply(413, {})
            return
        body = self.rfile.read(int(length))
        receiver = cast("_Server", self.server).receiver
        answer = receiver.answer(dict(self.headers.items()), body)
        if answer is None:
            self.close_connection = True
            return
        self._reply(*answer)

    def _reply(self, status: int, headers: Mapping[str, str]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, RUF100
        """Keep quiet: the receiver counts instead."""


@contextlib.contextmanager
def run_receiver(receiver: WebhookReceiver) -> Iterator[str]:
    """Serve a receiver on a free port of this machine while the block runs; yields its URL."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.receiver = receiver
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhook"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def serve_receiver(path: Path, secret: str, faults: Faults | None = None) -> Iterator[str]:
    """Serve a receiver that stores accepted bodies in a JSON-lines file; yields its URL."""
    with run_receiver(WebhookReceiver(path, secret, faults)) as url:
        yield url


def _decode_secret(secret: str) -> bytes:
    text = secret.removeprefix("whsec_")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("The receiver's secret is not whsec_ followed by base64.") from None
