"""Appends decisions to a JSON-lines file: one line a key, complete, on disk before it is receipted.

The file takes no idempotency key by itself, so the sink looks the key up, under a lock that other
processes obey, before it appends.
"""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from connectors.errors import ContractError, TransientError
from connectors.sinks.base import Receipt


class JsonLinesSink:
    """Writes `{"key": ..., "payload": ...}` lines; reads only what was appended since last time."""

    def __init__(
        self, path: Path, *, name: str = "jsonl", lock_timeout_seconds: float = 30.0
    ) -> None:
        self._path = path
        self._name = name
        self._lock_timeout = lock_timeout_seconds
        self._thread_lock = threading.Lock()
        self._keys: set[str] = set()
        self._read_up_to = 0
        self._file_identity: tuple[int, int] | None = None

    @property
    def name(self) -> str:
        """The name that rules use."""
        return self._name

    def deliver(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        """Append the payload unless a complete line with this key is there already."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(f"{self._path}.lock", timeout=self._lock_timeout)
        try:
            with self._thread_lock, lock:
                return self._append_once(key, payload)
        except Timeout as error:
            raise TransientError(
                f"Another process has kept {self._path} locked for {self._lock_timeout:g} s; "
                "it will be tried again."
            ) from error
        except OSError as error:
            raise TransientError(
                f"Could not append to {self._path} ({error.strerror}); "
                "check the folder's space and rights, it will be tried again."
            ) from error

    def _append_once(self, key: str, payload: Mapping[str, Any]) -> Receipt:
        is_new = not self._path.exists()
        with self._path.open("a+b") as file:
            if is_new:
                _sync_folder(self._path.parent)
            self._read_new_lines(file)
            if key in self._keys:
                return Receipt("duplicate", {"file": self._path.name})
            line = json.dumps(
                {"key": key, "payload": payload}, ensure_ascii=False, separators=(",", ":")
            )
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
            self._read_up_to = file.seek(0, os.SEEK_END)
            self._keys.add(key)
        return Receipt("accepted", {"file": self._path.name})

    def _read_new_lines(self, file: BinaryIO) -> None:
        """Learn the keys that others appended; cut off a line that a killed writer left half."""
        status = os.fstat(file.fileno())
        identity = (status.st_dev, status.st_ino)
        if identity != self._file_identity or status.st_size < self._read_up_to:
            self._keys, self._read_up_to, self._file_identity = set(), 0, identity
        file.seek(self._read_up_to)
        for number, line in enumerate(file):
            if not line.endswith(b"\n"):
                file.truncate(self._read_up_to)
                break
            try:
                self._keys.add(json.loads(line)["key"])
            except (ValueError, TypeError, KeyError):
                raise ContractError(
                    f"A line of {self._path} (line {number + 1} after byte "
                    f"{self._read_up_to}) is not one of Fourflow's; move the file away."
                ) from None
            self._read_up_to += len(line)


def _sync_folder(folder: Path) -> None:
    """Make the new file's name survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
