"""Times of the simulated world as the platforms write them.

The world counts whole seconds of local time (GMT+8, no daylight saving) as if they were UTC; the
platforms write that local time as text, or true epoch seconds, which are eight hours less.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

OFFSET: Final = 8 * 3_600
SHANGHAI_TIME: Final = timezone(timedelta(hours=8))
_TEXT: Final = "%Y-%m-%d %H:%M:%S"


def text_of(seconds: int) -> str:
    """Local seconds as `2026-06-30 23:59:59`."""
    return datetime.fromtimestamp(seconds, UTC).strftime(_TEXT)


def seconds_of(text: str) -> int:
    """The local seconds of `2026-06-30 23:59:59`.

    Raises:
        ValueError: the text is not such a time.
    """
    return int(datetime.strptime(text, _TEXT).replace(tzinfo=UTC).timestamp())


def epoch_of(seconds: int) -> int:
    """Local seconds as true epoch seconds."""
    return seconds - OFFSET


def seconds_of_epoch(epoch: int) -> int:
    """True epoch seconds as local seconds."""
    return epoch + OFFSET


def seconds_of_datetime(moment: datetime) -> int:
    """A moment as local seconds; one without a zone is local time already."""
    if moment.tzinfo is None:
        return int(moment.replace(tzinfo=UTC).timestamp())
    return seconds_of_epoch(int(moment.timestamp()))


def moment_of(seconds: int) -> datetime:
    """Local seconds as an aware moment in UTC."""
    return datetime.fromtimestamp(epoch_of(seconds), UTC)
