"""One look at the inbox from outside, for people: what came, what was refused, what waits."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from connectors.inbox.segments import (
    DAMAGED,
    sealed_segments,
    segment_started_at,
    waiting_bytes,
    waiting_messages,
)
from connectors.inbox.tally import read_counts
from connectors.settings import Settings


@dataclass(frozen=True)
class InboxState:
    """Counts since `since`; what waits is counted now.

    Attributes:
        accepted: acknowledged pushes.
        refused: refused pushes.
        reasons: refused pushes by source, account and reason.
        refusals: the last refusals, newest last; no content of the pushes.
        waiting: messages that are not in the lake yet.
        waiting_bytes: their size.
        waiting_since: when the oldest of them arrived; None when nothing waits to be moved.
        damaged: segments of which the disk lost something.
    """

    since: str = ""
    accepted: int = 0
    refused: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    refusals: list[dict[str, str]] = field(default_factory=list)
    waiting: int = 0
    waiting_bytes: int = 0
    waiting_since: datetime | None = None
    damaged: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values only."""
        since = self.waiting_since
        return asdict(self) | {"waiting_since": since and since.isoformat(timespec="seconds")}


def inbox_state(settings: Settings) -> InboxState:
    """Look at the inbox; changes nothing. Counts lag the service by about a second."""
    folder = settings.inbox_path
    if not folder.is_dir():
        return InboxState()
    counts = read_counts(folder)
    reasons = Counter(counts.get("refused", {}))
    sealed = sealed_segments(folder)
    return InboxState(
        since=str(counts.get("since", "")),
        accepted=sum(counts.get("accepted", {}).values()),
        refused=reasons.total(),
        reasons=dict(reasons.most_common()),
        refusals=list(counts.get("refusals", [])),
        waiting=waiting_messages(folder),
        waiting_bytes=waiting_bytes(folder),
        waiting_since=segment_started_at(sealed[0]) if sealed else None,
        damaged=len(list(folder.glob(f"*{DAMAGED}"))),
    )


def waits_too_long(state: InboxState, *, now: datetime, longest_hours: float) -> bool:
    """Whether the oldest waiting push should have been moved long ago."""
    if state.waiting_since is None:
        return False
    waited = now.astimezone(UTC) - state.waiting_since
    return waited.total_seconds() > longest_hours * 3600
