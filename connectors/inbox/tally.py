"""Counts of accepted and refused pushes, and the last refusals with their reasons.

Kept in memory and written to `counts.json` beside the segments about once a second, so a kill costs
at most a second of counts; pushes themselves never depend on it. Bounded: one counter for each
configured account and reason, and the last hundred refusals.
"""

from collections import Counter, deque
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from connectors.inbox.protocol import InboxAccount, Reason

_KEPT_REFUSALS = 100
_UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Refusal:
    """One refused push: no content, no secret."""

    at: str
    source: str
    account: str
    reason: str
    sentence: str


class Tally:
    """The service's counts; used by its event loop."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "counts.json"
        self._written = b""
        before = read_counts(folder)
        self._since = before.get("since") or datetime.now(UTC).isoformat(timespec="seconds")
        self._accepted = Counter(_counts(before, "accepted"))
        self._messages = Counter(_counts(before, "messages"))
        self._refused = Counter(_counts(before, "refused"))
        self._refusals: deque[Refusal] = deque(maxlen=_KEPT_REFUSALS)
        for refusal in before.get("refusals", []):
            self._refusals.append(Refusal(**refusal))

    def accept(self, account: InboxAccount, message_count: int) -> None:
        """Count a push that was stored and will be acknowledged."""
        name = f"{account.source}/{account.account}"
        self._accepted[name] += 1
        self._messages[name] += message_count

    def refuse(self, account: InboxAccount | None, reason: Reason, sentence: str) -> None:
        """Count a refused push; None when its address names no account."""
        source = account.source if account else _UNKNOWN
        name = account.account if account else _UNKNOWN
        self._refused[f"{source}/{name}/{reason}"] += 1
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self._refusals.append(Refusal(now, source, name, reason, sentence))

    def write(self) -> None:
        """Write the counts if they changed."""
        content = orjson.dumps(
            {
                "since": self._since,
                "accepted": dict(self._accepted),
                "messages": dict(self._messages),
                "refused": dict(self._refused),
                "refusals": [asdict(refusal) for refusal in self._refusals],
            },
            option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS,
        )
        if content != self._written:
            draft = self._path.with_suffix(".tmp")
            draft.write_bytes(content)
            draft.replace(self._path)
            self._written = content


def read_counts(folder: Path) -> dict[str, Any]:
    """The counts as they were written last; empty when there are none."""
    try:
        content = orjson.loads((folder / "counts.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}


def _counts(content: dict[str, Any], key: str) -> dict[str, int]:
    counts = content.get(key)
    return {str(name): int(count) for name, count in counts.items()} if counts else {}
