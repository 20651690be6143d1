"""What people read of a decision, for sinks that send text: e-mail and chat."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def headline(payload: Mapping[str, Any]) -> str:
    """One line: the message's beginning."""
    texts = _texts(payload)
    return " ".join((texts[0] if texts else "A decision of Fourflow").split())[:120]


def paragraphs(payload: Mapping[str, Any]) -> list[str]:
    """The message in each language, then which decision it is."""
    data = payload.get("data", {})
    where = f"{data.get('rule_id', '')} v{data.get('rule_version', '')}, decision "
    return [*_texts(payload), where + str(data.get("decision_id", ""))[:12]]


def decided_at(payload: Mapping[str, Any]) -> datetime:
    """When it was decided; the same for every attempt."""
    try:
        moment = datetime.fromisoformat(str(payload.get("timestamp", "")))
    except ValueError:
        return datetime(1970, 1, 1, tzinfo=UTC)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _texts(payload: Mapping[str, Any]) -> list[str]:
    message = payload.get("data", {}).get("message", {})
    return [str(text) for text in message.values() if text]
