"""Starts the simulated platforms as a process of their own and ends it for certain.

A separate process, so that what it computes is never counted as the connector's work.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

import httpx
import orjson

from connectors.errors import InputError
from connectors.sandbox.servers.faults import Faults
from connectors.sandbox.servers.run import HOST
from connectors.sandbox.world import WorldConfig

_PROJECT: Final = Path(__file__).resolve().parents[3]
_SECONDS_TO_START: Final = 120.0
_SECONDS_TO_END: Final = 5.0


class ServedSandbox:
    """A running sandbox: where it answers and how to steer it."""

    def __init__(self, url: str, log_path: Path) -> None:
        self.url = url
        self._log_path = log_path
        self._client = httpx.Client(base_url=url, timeout=60.0, trust_env=False)

    def control(self, **changes: Any) -> dict[str, Any]:
        """Change `as_of` (a datetime; without a zone it is local), `faults`, `touch`, `expired`.

        `options` changes what single platforms offer (`{"kuaidi100": {"lock_minutes": 30}}`),
        `push` lets one push what is new (`{"kuaidi100": {}}`). Returns the state after it, with
        what was `pushed`.

        Raises:
            InputError: a change is impossible; says why.
        """
        if isinstance(changes.get("as_of"), datetime):
            changes["as_of"] = changes["as_of"].isoformat()
        if isinstance(changes.get("faults"), Faults):
            changes["faults"] = asdict(changes["faults"])
        answer = self._client.post("/control", content=orjson.dumps(changes))
        values: dict[str, Any] = answer.json()
        if answer.status_code != httpx.codes.OK:
            raise InputError(values["error"])
        return values

    def state(self) -> dict[str, Any]:
        """Time, touched orders and counters."""
        return self._read("/control")

    def counters(self) -> dict[str, int]:
        """Requests, faults and records served, by `<platform>.<what>`."""
        counters: dict[str, int] = self.state()["counters"]
        return counters

    def truth(self) -> dict[str, Any]:
        """What really happened by `as_of`, per channel; amounts in fen."""
        return self._read("/control/truth")

    def terms(self) -> dict[str, Any]:
        """Pre-sales, deposits and who bears which discount by `as_of`, per channel; in fen."""
        return self._read("/control/truth/terms")

    def bills(self) -> dict[str, Any]:
        """What the payment providers' bills hold by `as_of`, per provider and day, in fen."""
        return self._read("/control/truth/bills")

    def balance(self) -> dict[str, Any]:
        """The card provider's balance by `as_of`: entries per kind and day, payouts; in fen."""
        return self._read("/control/truth/balance")

    def scans(self) -> dict[str, Any]:
        """What the carriers tell by `as_of`: parcels, scans and deliveries per carrier."""
        return self._read("/control/truth/scans")

    def credentials(self) -> dict[str, dict[str, str]]:
        """The fixed credentials by platform."""
        return self._read("/control/credentials")

    def written(self) -> dict[str, Any]:
        """What others have written into the platforms, by platform."""
        return self._read("/control/written")

    def keys(self) -> dict[str, dict[str, str]]:
        """The RSA key pairs of this server by name, as PEM text."""
        return self._read("/control/keys")

    def log(self) -> str:
        """What the server has written to stderr: empty unless something broke."""
        return self._log_path.read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Close the control connection; the server is not affected."""
        self._client.close()

    def _read(self, path: str) -> dict[str, Any]:
        answer = self._client.get(path)
        answer.raise_for_status()
        values: dict[str, Any] = answer.json()
        return values


@contextlib.contextmanager
def serve_sandbox(
    config: WorldConfig,
    *,
    faults: Faults | None = None,
    port: int = 0,
    as_of: datetime | None = None,
) -> Iterator[ServedSandbox]:
    """Serve a simulated world's platforms on this machine while the block runs.

    Args:
        config: the world.
        faults: what goes wrong; nothing when not given.
        port: 0 chooses a free one.
        as_of: what has happened by then is visible; the end of the world when not given.

    Raises:
        InputError: the server did not start; says what it said.
    """
    settings = {
        "config": asdict(config),
        "faults": asdict(faults or Faults()),
        "port": port,
        "as_of": as_of,
        "parent": os.getpid(),
    }
    command = [sys.executable, "-m", "connectors.sandbox.servers", orjson.dumps(settings).decode()]
    with tempfile.TemporaryDirectory(prefix="fourflow-sandbox-") as folder:
        log_path = Path(folder) / "stderr.log"
        with log_path.open("wb") as log:
            process = _start(command, log)
        try:
            sandbox = _wait_until_it_answers(process, log_path)
            try:
                yield sandbox
            finally:
                sandbox.close()
        finally:
            _end(process)


def _start(command: list[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own command
        command,
        cwd=_PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )


def _wait_until_it_answers(process: subprocess.Popen[bytes], log_path: Path) -> ServedSandbox:
    if process.stdout is None:
        raise InputError("The sandbox's process has no output to read its port from.")
    port = process.stdout.readline().strip().decode("ascii")
    if port:
        sandbox = ServedSandbox(f"http://{HOST}:{port}", log_path)
        deadline = time.monotonic() + _SECONDS_TO_START
        while process.poll() is None and time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError, httpx.HTTPStatusError):
                sandbox.state()
                return sandbox
            time.sleep(0.05)
        sandbox.close()
    _end(process)
    said = log_path.read_text(encoding="utf-8", errors="replace").strip()
    raise InputError(f"The sandbox did not start: {said[-500:] or 'it said nothing'}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(timeout=_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
