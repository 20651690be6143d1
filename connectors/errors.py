"""The errors of Fourflow: one sentence each that says what is wrong, where, and what to do.

Only classes live here. The class answers one question: can trying again change the answer?
"""

from datetime import timedelta


class FourflowError(Exception):
    """Base of every error that Fourflow raises on purpose; shown to people without a traceback."""


class InputError(FourflowError):
    """Something a person gave (a path, a setting, a file) can't be used as it is."""


class TransientError(FourflowError):
    """Another system did not answer properly this time; a retry may succeed."""


class RetryLaterError(TransientError):
    """The other system asks for a pause before the next attempt."""

    def __init__(self, message: str, retry_after: timedelta) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnknownOutcomeError(TransientError):
    """The other system may have done what was asked: it did not say."""


class PermanentError(FourflowError):
    """Another system refused; a retry with the same request cannot succeed."""


class ContractError(FourflowError):
    """What arrived does not have the shape that was agreed; somebody has to look."""


class LakeBusyError(TransientError):
    """Another process holds the writer lock of the lake."""


class ForbiddenError(FourflowError):
    """Whoever asks is known, and may not do or see this."""


class NothingPublishedError(FourflowError):
    """There is no published snapshot to read (yet, or at the asked time)."""
