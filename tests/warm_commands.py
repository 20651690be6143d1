"""Processes of the tests, forked from one that has imported their libraries already.

The suite starts hundreds of commands; importing dagster, dbt and scikit-learn was a quarter of the
processor time of the shortest run. Each command is still a process of its own with its own
environment, folder and output, and `kill -9` kills it. Nothing of Fourflow is imported before the
fork. `Installation.start` starts the installed command itself.
"""

import array
import atexit
import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

import numpy

# Not duckdb: it starts a thread when imported, which does not survive a fork.
_LIBRARIES = (
    "alembic.command", "dagster", "dagster_dbt.asset_decorator", "dbt.adapters.sql", "dbt.cli.main",
    "dbt.task.build", "dlt", "dlt.destinations", "httpx", "itsdangerous", "lightgbm", "numpy",
    "ortools.graph.python.min_cost_flow", "psycopg", "pyarrow.dataset", "pydantic_settings",
    "python_calamine", "rich.live", "rich.progress", "sklearn.ensemble", "sklearn.isotonic",
    "sklearn.linear_model", "sqlalchemy.orm", "standardwebhooks", "typer", "yaml",
)  # fmt: skip
_ENTRIES = {
    "fourflow": ("orchestration.cli.main", "run"),
    "dbt": ("dbt.cli.main", "cli"),
    "tests.platforms": ("tests.platforms", "main"),
}
_LONGEST_REQUEST = 1 << 17
_LOOK_SECONDS = 0.02


class WarmCommand:
    """A forked command, as far as the tests use `subprocess.Popen`."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._connection = connection

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            subprocess.TimeoutExpired: it runs longer.
        """
        if self.returncode is None:
            self._connection.settimeout(timeout)
            try:
                answer = self._connection.recv(64)
            except TimeoutError as error:
                raise subprocess.TimeoutExpired("fourflow", timeout or 0) from error
            self._connection.close()
            self.returncode = int(answer)
        return self.returncode

    def kill(self) -> None:
        """End it as `kill -9` does, and wait until it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a command of `_ENTRIES` to its end; what it printed is in the answer."""
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        started = start(
            command, environment, folder, stdout=stdout.fileno(), stderr=stderr.fileno()
        )
        code = started.wait()
        return subprocess.CompletedProcess(command, code, _text_of(stdout), _text_of(stderr))


def _text_of(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    *,
    stdout: int,
    stderr: int,
) -> WarmCommand:
    """Start a command of `_ENTRIES`; the descriptors are where its output and errors go."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    request = json.dumps([list(command), dict(environment), str(folder)]).encode()
    with theirs:
        descriptors = array.array("i", [theirs.fileno(), stdout, stderr])
        _server().sendmsg(
            [request], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors.tobytes())]
        )
    return WarmCommand(ours, int(ours.recv(64)))


@cache
def _server() -> socket.socket:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server = subprocess.Popen(
        [sys.executable, __file__, str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        env={k: v for k, v in os.environ.items() if not k.startswith("FOURFLOW_")},
    )
    theirs.close()
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours


def _serve(requests: socket.socket) -> None:
    """Fork a command for each request until the other end is closed; returns in the command too."""
    for name in _LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # nor do the commands walk through what is imported
    answers: dict[int, socket.socket] = {}
    requests.settimeout(_LOOK_SECONDS)
    while True:
        _answer_ended(answers)
        try:
            request, ancillary, _, _ = requests.recvmsg(_LONGEST_REQUEST, socket.CMSG_LEN(12))
        except TimeoutError:
            continue
        if not request:
            break
        reply, stdout, stderr = array.array("i", ancillary[0][2])
        pid = os.fork()
        if pid == 0:
            for descriptor in (requests, *answers.values()):
                descriptor.close()
            os.close(reply)
            _become_command(*json.loads(request), stdout=stdout, stderr=stderr)
            return
        os.close(stdout)
        os.close(stderr)
        answers[pid] = socket.socket(fileno=reply)
        answers[pid].send(str(pid).encode())
    for pid in answers:
        os.kill(pid, signal.SIGKILL)


def _answer_ended(answers: dict[int, socket.socket]) -> None:
    while answers:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with answers.pop(pid) as answer, contextlib.suppress(BrokenPipeError):
            answer.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become_command(
    command: list[str], environment: dict[str, str], folder: str, *, stdout: int, stderr: int
) -> None:
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    os.close(stdout)
    os.close(stderr)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    numpy.random.seed()
    gc.set_threshold(50_000, 20, 50)
    sys.argv = command
    module, entry = _ENTRIES[command[0]]
    getattr(importlib.import_module(module), entry)()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parents[1])
    _serve(socket.socket(fileno=int(sys.argv[1])))
