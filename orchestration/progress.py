"""How a run tells a person where it stands; the work itself never prints."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn


class RunProgress(Protocol):
    """Receives the steps of a run as they start, move and end."""

    def start(self, step: str, total: int | None = None) -> None:
        """A step begins; `total` is how many advances it expects, if known."""

    def advance(self, step: str, note: str = "") -> None:
        """One unit of the step is done."""

    def note(self, step: str, note: str) -> None:
        """Something happened that is not yet a unit of the step."""

    def finish(self, step: str, note: str = "") -> None:
        """The step is over; `note` says what came out."""


class SilentProgress:
    """For runs nobody watches (schedules, sensors, tests)."""

    def start(self, step: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, step: str, note: str = "") -> None:
        """Say nothing."""

    def note(self, step: str, note: str) -> None:
        """Say nothing."""

    def finish(self, step: str, note: str = "") -> None:
        """Say nothing."""


class ConsoleProgress:
    """A live line per step on a terminal."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def start(self, step: str, total: int | None = None) -> None:
        """Show the step with a bar, or with a pulse when its length is unknown."""
        if step in self._tasks:
            self._progress.update(self._tasks[step], total=total)
            return
        self._tasks[step] = self._progress.add_task(step, total=total, note="")

    def advance(self, step: str, note: str = "") -> None:
        """Move the bar by one and show the note."""
        if step in self._tasks:
            self._progress.update(self._tasks[step], advance=1, note=note)

    def note(self, step: str, note: str) -> None:
        """Show the note; the bar stays."""
        if step in self._tasks:
            self._progress.update(self._tasks[step], note=note)

    def finish(self, step: str, note: str = "") -> None:
        """Fill the bar and leave the note standing."""
        if step not in self._tasks:
            self.start(step, total=1)
        self._progress.update(self._tasks[step], total=1, completed=1, note=note)
        self._progress.stop_task(self._tasks[step])


@contextmanager
def console_progress(console: Console) -> Iterator[ConsoleProgress]:
    """Show progress on the console while the block runs."""
    columns = (
        SpinnerColumn(finished_text="[green]✓"),
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield ConsoleProgress(progress)
