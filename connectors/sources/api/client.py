"""Calls to a platform: paced, retried with a fresh signature each time, and timed.

A call is two functions of the connector: `build` makes a signed request (again for every attempt,
because signatures carry the time), `judge` turns an answer into a value or raises the error that
says whether another attempt can help. Nothing here knows how a platform signs or answers.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, TypeVar

import httpx
import orjson
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from connectors.errors import PermanentError, RetryLaterError, TransientError

T = TypeVar("T")
_LONGEST_PAUSE: Final = timedelta(minutes=5)
_SHOWN: Final = 200
_adding = threading.Lock()
_Count = Literal["calls", "retries", "bytes_received"]
_Part = Literal["signing", "http", "parsing", "waiting", "extracting", "loading"]


@dataclass
class Timings:
    """Where the seconds of a reading went, and how many calls it took.

    Calls that are on their way at the same time add their own seconds each. `extracting` holds the
    four parts of calls before it and the writing of what they brought.
    """

    signing: float = 0.0
    http: float = 0.0
    parsing: float = 0.0
    waiting: float = 0.0
    extracting: float = 0.0
    loading: float = 0.0
    calls: int = 0
    retries: int = 0
    bytes_received: int = 0

    @contextmanager
    def measured(self, part: _Part) -> Iterator[None]:
        """Add the time spent inside to one part."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(part, time.perf_counter() - started)

    def add(self, name: _Part | _Count, amount: float) -> None:
        """Add to one of the figures; several threads may."""
        with _adding:
            setattr(self, name, getattr(self, name) + amount)

    def as_dict(self) -> dict[str, float | int]:
        """Plain values."""
        return {f.name: getattr(self, f.name) for f in fields(self)}


class ApiClient:
    """Sends the calls of one account; safe to share between threads."""

    def __init__(
        self,
        *,
        source: str,
        account: str,
        requests_per_second: float,
        timeout_seconds: float,
        attempts: int,
        timings: Timings,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.place = f"{source} ({account})"
        self.timings = timings
        self._attempts = attempts
        self._interval = 1.0 / requests_per_second
        self._next_start = 0.0
        self._pace_lock = threading.Lock()
        logging.getLogger("httpx").addFilter(_without_query)
        self._client = httpx.Client(
            timeout=timeout_seconds,
            follow_redirects=False,
            transport=transport,
            headers={"user-agent": "fourflow", "accept": "*/*"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    def call(
        self,
        what: str,
        build: Callable[[], httpx.Request],
        judge: Callable[[httpx.Response], T],
        *,
        is_write: bool = False,
    ) -> T:
        """Send until the answer is good, a retry can't help or the attempts are used up.

        Args:
            what: the endpoint, for error messages.
            build: makes a request that is signed now.
            judge: the answer's value; raises TransientError for what may succeed later,
                PermanentError and ContractError for what won't.
            is_write: it changes something, so it is sent once: whether it happened although no
                answer came has to be looked up before it is sent again.

        Raises:
            TransientError: no attempt succeeded.
            PermanentError, ContractError: as `judge` says, or status 4xx.
        """
        if is_write:
            return self._once(what, build, judge)
        value: T = self._retrying()(self._once, what, build, judge)
        return value

    def download(
        self, what: str, build: Callable[[], httpx.Request], path: Path, *, size: int = 0
    ) -> int:
        """Write an answer's body to a file, however large, without holding it; its size in bytes.

        Args:
            what: what is downloaded, for error messages.
            build: makes the request.
            path: the file; written anew by every attempt.
            size: bytes it must have; 0 if nobody told.

        Raises:
            TransientError: no attempt succeeded.
            PermanentError: the address is not (any more) there.
        """
        received: int = self._retrying()(self._download_once, what, build, path, size)
        return received

    def wait(self, seconds: float) -> None:
        """Sleep, and count it as waiting."""
        with self.timings.measured("waiting"):
            time.sleep(seconds)

    def _retrying(self) -> Retrying:
        return Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=_pause,
            retry=retry_if_exception_type(TransientError),
            sleep=self._sleep,
            reraise=True,
        )

    def _once(
        self,
        what: str,
        build: Callable[[], httpx.Request],
        judge: Callable[[httpx.Response], T],
    ) -> T:
        self._keep_pace()
        with self.timings.measured("signing"):
            request = build()
        self.timings.add("calls", 1)
        with self._transport_errors(what), self.timings.measured("http"):
            response = self._client.send(request)
        self.timings.add("bytes_received", len(response.content))
        self._check_status(what, response)
        with self.timings.measured("parsing"):
            return judge(response)

    def _download_once(
        self, what: str, build: Callable[[], httpx.Request], path: Path, size: int
    ) -> int:
        self._keep_pace()
        self.timings.add("calls", 1)
        with self._transport_errors(what), self.timings.measured("http"):
            response = self._client.send(build(), stream=True)
            try:
                self._check_status(what, response)
                if not response.is_success:
                    raise PermanentError(
                        f"{self.place} refused the download of {what} with status "
                        f"{response.status_code}; read again to have it made anew."
                    )
                with path.open("wb") as file:
                    for piece in response.iter_bytes():
                        file.write(piece)
            finally:
                response.close()
        received = path.stat().st_size
        self.timings.add("bytes_received", received)
        if size and received != size:
            raise TransientError(
                f"{self.place} sent {received:,} bytes of {what} instead of {size:,}; it will be "
                "tried again."
            )
        return received

    @contextmanager
    def _transport_errors(self, what: str) -> Iterator[None]:
        """Tell failures of the connection in the words of this account."""
        try:
            yield
        except httpx.TimeoutException as error:
            raise TransientError(
                f"{self.place} did not answer {what} in time; it will be tried again."
            ) from error
        except httpx.UnsupportedProtocol as error:
            raise PermanentError(
                f"{self.place} has a base_url that is no http(s) address; correct it."
            ) from error
        except httpx.TransportError as error:
            raise TransientError(
                f"{self.place} could not be reached or broke off during {what} "
                f"({type(error).__name__}); it will be tried again."
            ) from error

    def _check_status(self, what: str, response: httpx.Response) -> None:
        """Errors that every platform means alike; 4xx with a JSON body are the judge's to read."""
        status = response.status_code
        if status == httpx.codes.TOO_MANY_REQUESTS:
            message = f"{self.place} wants fewer calls of {what}; it will be tried again later."
            pause = retry_after(response.headers.get("retry-after"))
            raise TransientError(message) if pause is None else RetryLaterError(message, pause)
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise TransientError(
                f"{self.place} answered {what} with status {status}; it will be tried again."
            )

    def json(self, what: str, response: httpx.Response, *, exact: bool = False) -> Any:
        """The answer's JSON value.

        Args:
            what: the endpoint, for error messages.
            response: the answer.
            exact: keep numbers with a fraction as the digits that were sent (for platforms whose
                money is a JSON number): they can be written again, but not calculated with.

        Raises:
            TransientError: the answer is cut off, or a web page instead of JSON.
            PermanentError: the status says that the request was refused and nothing more is known.
        """
        content = response.content
        try:
            return _loads_exactly(content) if exact else orjson.loads(content)
        except ValueError as error:  # no JSON, or no UTF-8
            if response.is_client_error:
                raise PermanentError(
                    f"{self.place} refused {what} with status {response.status_code}; check the "
                    "address and the credentials."
                ) from error
            if content.lstrip()[:1] == b"<":
                raise TransientError(
                    f"{self.place} answered {what} with a web page instead of JSON; check "
                    "base_url, or wait until its maintenance is over."
                ) from error
            raise TransientError(
                f"{self.place} sent an answer to {what} that ends in the middle or is not JSON "
                f"({shown(content)}); it will be tried again."
            ) from error

    def _keep_pace(self) -> None:
        with self._pace_lock:
            now = time.monotonic()
            pause = self._next_start - now
            self._next_start = max(now, self._next_start) + self._interval
        if pause > 0:
            self.wait(pause)

    def _sleep(self, seconds: float) -> None:
        self.timings.add("retries", 1)
        self.wait(seconds)


def _without_query(record: logging.LogRecord) -> bool:
    """Take the queries out of logged addresses: some platforms want their access token there."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument
            for argument in record.args
        )
    return True


def _loads_exactly(content: bytes) -> Any:
    return json.loads(content, parse_float=lambda digits: orjson.Fragment(digits.encode()))


_backoff = wait_exponential_jitter(initial=0.1, max=20.0, jitter=0.1)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RetryLaterError):
        return min(error.retry_after, _LONGEST_PAUSE).total_seconds()
    return _backoff(state)


def shown(content: bytes) -> str:
    """The start of an answer, on one line, for error messages."""
    text = " ".join(content[:_SHOWN].decode("utf-8", "replace").split())
    return f"it begins with {text!r}" if text else "it is empty"


def retry_after(value: str | None) -> timedelta | None:
    """The pause of a Retry-After header (seconds or a date); None when unreadable."""
    if value is None:
        return None
    try:
        if value.strip().replace(".", "", 1).isdigit():
            return timedelta(seconds=float(value))
        return max(parsedate_to_datetime(value) - datetime.now(UTC), timedelta())
    except (ValueError, TypeError, OverflowError):
        return None
