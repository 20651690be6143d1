"""Tells whether a process that left a trace in the database still runs (same host only)."""

import contextlib
import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessIdentity:
    """A process as others can recognise it: host, number and, on Linux, when it began."""

    host: str
    pid: int
    start: str | None

    def is_gone(self) -> bool:
        """Whether the process has certainly ended; False when it cannot be known from here."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        start = _start_of(self.pid)
        return self.start is not None and start is not None and start != self.start


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    return ProcessIdentity(socket.gethostname(), os.getpid(), _start_of(os.getpid()))


def _start_of(pid: int) -> str | None:
    """When a process began, as Linux tells it: unlike its number, it is never used twice.

    A zombie has ended as far as its work goes, so it never equals what it was.
    """
    with contextlib.suppress(OSError, IndexError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        fields = stat.rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else f"{boot}/{fields[19]}"
    return None
