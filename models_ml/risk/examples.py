"""From a caller's frame to examples: every check that makes a frame unusable stands here."""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import pandas as pd

from models_ml.frames import FrameError, require_columns
from models_ml.risk.columns import as_times

YES = {"1", "1.0", "true", "yes", "y", "t", "是"}
NO = {"0", "0.0", "false", "no", "n", "f", "否"}


class NotEnoughRowsError(FrameError):
    """The frame is sound, but too little has happened yet to learn and to judge."""


@dataclass(frozen=True)
class Examples:
    """Rows with their clocks, in order of decision time; arrays of one length n."""

    frame: pd.DataFrame
    """The columns that may become features, index 0..n-1."""
    labels: np.ndarray
    """int8 (n,): 1, 0, or -1 where the answer is not known."""
    decided_at: np.ndarray
    """datetime64[us] (n,)."""
    known_at: np.ndarray
    """datetime64[us] (n,): when the label became known; NaT where it is not."""
    group: np.ndarray
    """int64 (n,): what must not be torn apart; every row its own when there is no group."""

    @property
    def is_labelled(self) -> np.ndarray:
        """Bool (n,)."""
        result: np.ndarray = (self.labels >= 0) & ~np.isnat(self.known_at)
        return result

    def known_by(self, present: np.datetime64) -> "Examples":
        """The same rows as one saw them at a time: labels that became known later are open."""
        is_open = ~(self.known_at <= present)
        return replace(
            self,
            labels=np.where(is_open, -1, self.labels).astype(np.int8),
            known_at=np.where(is_open, np.datetime64("NaT"), self.known_at),
        )


def read_examples(
    frame: pd.DataFrame,
    *,
    label: str,
    decided_at: str,
    matured_at: str | timedelta | None,
    group: str | None,
) -> Examples:
    """Check a frame and put it into order of decision time.

    Raises:
        FrameError: a missing or repeated column, a repeated index, a label other than yes and no
            or with one answer only, a time that cannot be read, a label known before the decision.
    """
    named = [label, decided_at, *([matured_at] if isinstance(matured_at, str) else [])]
    named += [group] if group is not None else []
    _check_shape(frame, named)
    labels = _read_label(frame, label)
    decided = _read_times(frame, decided_at, may_lack=np.zeros(len(frame), dtype=bool))
    known = _read_maturity(frame, matured_at, decided, labels, decided_name=decided_at)
    groups = np.arange(len(frame)) if group is None else pd.factorize(frame[group])[0]
    lone = groups < 0
    groups = np.where(lone, groups.max(initial=0) + 1 + np.arange(len(frame)), groups)
    order = np.argsort(decided, kind="stable")
    features = frame.drop(columns=list(dict.fromkeys(named)))
    return Examples(
        features.iloc[order].reset_index(drop=True),
        labels[order],
        decided[order],
        known[order],
        groups[order].astype(np.int64),
    )


def _check_shape(frame: pd.DataFrame, named: list[str]) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"The frame is a {type(frame).__name__}; pass a pandas DataFrame.")
    repeated = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
    if repeated:
        raise FrameError(f"The column(s) {', '.join(repeated)} occur twice; rename one of each.")
    require_columns(frame, named, name="frame")
    if frame.empty:
        raise NotEnoughRowsError("The frame has no rows; pass the orders to judge on.")
    twice = frame.index.duplicated(keep=False)
    if twice.any():
        raise FrameError(
            f"{int(twice.sum())} rows share their index with another row; make it unique, "
            "for instance with reset_index(drop=True).",
            frame[twice],
        )


def _read_label(frame: pd.DataFrame, label: str) -> np.ndarray:
    text = frame[label].astype("object").where(frame[label].notna(), None)
    words = text.map(lambda value: None if value is None else str(value).strip().lower())
    result = np.full(len(frame), -1, dtype=np.int8)
    result[words.isin(YES).to_numpy()] = 1
    result[words.isin(NO).to_numpy()] = 0
    strange = (result < 0) & words.notna().to_numpy()
    if strange.any():
        raise FrameError(
            f"The label {label} holds {int(strange.sum())} value(s) other than 1, 0 and missing; "
            "make it 1 for the event and 0 for none.",
            frame[strange],
        )
    answers = np.unique(result[result >= 0])
    if len(answers) < 2:
        held = f"only {answers[0]}" if len(answers) else "no value"
        raise NotEnoughRowsError(
            f"The label {label} holds {held}, so there is nothing to tell apart; "
            "pass rows of both answers.",
            frame,
        )
    return result


def _read_times(frame: pd.DataFrame, name: str, *, may_lack: np.ndarray) -> np.ndarray:
    times = as_times(frame[name])
    missing = np.isnat(times)
    unreadable = missing & frame[name].notna().to_numpy()
    if unreadable.any():
        raise FrameError(
            f"The column {name} holds {int(unreadable.sum())} value(s) that are no time; "
            "write them like 2026-01-31 13:05:00.",
            frame[unreadable],
        )
    lacking = missing & ~may_lack
    if lacking.any():
        raise FrameError(
            f"The column {name} lacks {int(lacking.sum())} time(s); remove or fill those rows.",
            frame[lacking],
        )
    return times


def _read_maturity(
    frame: pd.DataFrame,
    matured_at: str | timedelta | None,
    decided: np.ndarray,
    labels: np.ndarray,
    *,
    decided_name: str,
) -> np.ndarray:
    """When each label became known: without a column, at the decision itself."""
    unlabelled = labels < 0
    if matured_at is None:
        known = decided.copy()
    elif isinstance(matured_at, str):
        known = _read_times(frame, matured_at, may_lack=np.ones(len(frame), dtype=bool))
    else:
        known = decided + np.timedelta64(pd.Timedelta(matured_at).to_timedelta64(), "us")
    early = ~np.isnat(known) & (known < decided) & ~unlabelled
    if early.any():
        source = matured_at if isinstance(matured_at, str) else "matured_at"
        raise FrameError(
            f"The label of {int(early.sum())} row(s) is known ({source}) before the decision "
            f"({decided_name}); correct the times or remove the rows.",
            frame[early],
        )
    return np.where(unlabelled, np.datetime64("NaT"), known)


@dataclass(frozen=True)
class Availability:
    """When a column's values could be known, as declared; arrays of length n."""

    at: np.ndarray
    """datetime64[us] (n,), NaT where the declared time is missing."""
    words: str
    """How it was declared."""


def read_availability(
    frame: pd.DataFrame, column: str, declared: object, decided_at: np.ndarray
) -> Availability | None:
    """What `available_at` says about a column: a column of times, a delay, a moment or nothing.

    Returns:
        None when the declaration is None: known when decided.

    Raises:
        FrameError: the declaration is none of these.
    """
    if declared is None:
        return None
    if isinstance(declared, str) and declared in frame.columns:
        return Availability(as_times(frame[declared]), f"in {declared}")
    if isinstance(declared, (timedelta, np.timedelta64)):
        delay = pd.Timedelta(declared)
        return Availability(
            decided_at + np.timedelta64(delay.to_timedelta64(), "us"),
            f"{delay} after the decision",
        )
    if isinstance(declared, (pd.Series, np.ndarray, pd.DatetimeIndex)):
        return Availability(as_times(pd.Series(declared)), "in the times given")
    moment = pd.to_datetime(str(declared), utc=True, errors="coerce")
    if pd.isna(moment):
        raise FrameError(
            f"available_at of {column} is {declared!r}, which is no column of the frame, no delay "
            "and no time; name the column that holds the times."
        )
    moments = np.full(len(frame), np.datetime64(moment.tz_localize(None), "us"))
    return Availability(moments, f"at {moment}")
