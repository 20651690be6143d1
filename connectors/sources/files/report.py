"""What a load of files did, file by file, for people and for the run's table."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

FileStatus = Literal["loaded", "skipped", "refused"]


@dataclass(frozen=True)
class FileOutcome:
    """What became of one offered file."""

    entity: str
    file_name: str
    status: FileStatus
    version: int | None = None
    record_count: int = 0
    read_error_count: int = 0
    byte_count: int = 0
    reason: str | None = None


@dataclass(frozen=True)
class LoadProgress:
    """How far a load is; told after each file and once more when landing begins."""

    stage: Literal["reading", "landing"]
    file_name: str | None
    files_done: int
    files_total: int
    record_count: int


@dataclass(frozen=True)
class LoadReport:
    """What one call of `load_files` did; `load_id` is None when there was nothing new."""

    source: str
    load_id: str | None
    received_at: datetime
    files: tuple[FileOutcome, ...]

    @property
    def loaded(self) -> tuple[FileOutcome, ...]:
        """Files that are in bronze now and were not before."""
        return self._with_status("loaded")

    @property
    def skipped(self) -> tuple[FileOutcome, ...]:
        """Files whose content was in bronze already."""
        return self._with_status("skipped")

    @property
    def refused(self) -> tuple[FileOutcome, ...]:
        """Files that could not be used, each with its reason."""
        return self._with_status("refused")

    @property
    def record_count(self) -> int:
        """Records that this load put into bronze."""
        return sum(file.record_count for file in self.loaded)

    @property
    def read_error_count(self) -> int:
        """Those among them that could not be split into values."""
        return sum(file.read_error_count for file in self.loaded)

    @property
    def problems(self) -> tuple[str, ...]:
        """One sentence a problem, for people."""
        return tuple(file.reason for file in self.refused if file.reason)

    def _with_status(self, status: FileStatus) -> tuple[FileOutcome, ...]:
        return tuple(file for file in self.files if file.status == status)
