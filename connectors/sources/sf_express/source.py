"""Routes of parcels that SF Express carries, asked for by waybill, ten at a time.

Here: which calls, in which order, and what their errors mean. How a request is signed is in
`signing.py`; which waybills are asked about in `connectors.sources.api.tracking`.
"""

import contextlib
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

import dlt
import httpx
import orjson
from pydantic import Field, SecretStr

from connectors.errors import FourflowError, PermanentError, RetryLaterError, TransientError
from connectors.settings import Settings
from connectors.sources.api.asking import Answer, ask
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.reading import Page, Reading, TrackingNumber, Window
from connectors.sources.api.tracking import CarrierAccount, open_parcels
from connectors.sources.sf_express.signing import sign

_SERVICE: Final = "EXP_RECE_SEARCH_ROUTES"
_MOST_NUMBERS: Final = 10
_ANY_WAYBILL: Final = "SF0000000000000"
# Refusals of the call that pass by themselves.
_PASSING: Final = ("A1007", "A1099")
# Business errors that are about SF's own state, not about what was asked.
_PASSING_BUSINESS: Final = ("S0003", "S0005")
_ADVICE: Final = {
    "A1001": "update Fourflow: SF misses a parameter",
    "A1002": "set this machine's clock: SF found the request too old",
    "A1003": "add this machine's address to the white list at SF's open platform (丰桥)",
    "A1004": f"ask SF's open platform (丰桥) for {_SERVICE}: the partner may not use it",
    "A1006": "check check_word: the signature was refused",
    "A1008": "check partner_id: SF does not know it",
    "A1009": "check check_word and base_url: SF could not read the request",
    "A1010": "check check_word: the signature was refused",
    "A1011": f"subscribe the service {_SERVICE} at SF's open platform (丰桥)",
    "A1015": "check base_url: partner and check word belong to another environment",
}


class SfExpressAccount(CarrierAccount):
    """One partner of SF's open platform."""

    base_url: str = Field(
        default="https://bspgw.sf-express.com/std/service", description="SF's gateway."
    )
    partner_id: str = Field(description="The partner's number (顾客编码).")
    check_word: SecretStr = Field(description="The partner's check word (校验码); signs calls.")
    push_token: SecretStr | None = Field(
        default=None, description="Token in the address that route pushes are sent to."
    )
    language: str = Field(default="zh-CN", description="Language of the remarks.")
    requests_per_second: float = Field(
        default=10.0, gt=0, description="Most calls a second; later calls wait."
    )
    page_size: int = Field(
        default=_MOST_NUMBERS, ge=1, le=_MOST_NUMBERS, description="Waybills asked for in one call."
    )


class _RefusedError(PermanentError):
    """SF took the call and refused what it asks: one of the waybills may be to blame."""


class _Sf:
    """The calls of one partner."""

    def __init__(self, account: SfExpressAccount, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def routes(self, numbers: Sequence[str], phone_tail: str) -> list[dict[str, Any]]:
        """What SF says about each waybill; waybills that it says nothing about are left out.

        Raises:
            _RefusedError: SF won't answer the question as it stands.
        """
        text = orjson.dumps(
            {
                "language": self._account.language,
                "trackingType": "1",
                "trackingNumber": list(numbers),
                "methodType": "1",
                **({"checkPhoneNo": phone_tail} if phone_tail else {}),
            }
        ).decode()

        def build() -> httpx.Request:
            timestamp = str(time.time_ns() // 1_000_000)
            check_word = self._account.check_word.get_secret_value()
            form = {
                "partnerID": self._account.partner_id,
                "requestID": str(uuid.uuid4()),
                "serviceCode": _SERVICE,
                "timestamp": timestamp,
                "msgDigest": sign(text, timestamp, check_word),
                "msgData": text,
            }
            return httpx.Request("POST", self._account.base_url, data=form)

        def judge(response: httpx.Response) -> list[dict[str, Any]]:
            return self._judged(self.client.json(_SERVICE, response), numbers)

        return self.client.call(_SERVICE, build, judge)

    def _judged(self, answer: Any, numbers: Sequence[str]) -> list[dict[str, Any]]:
        if not isinstance(answer, dict) or "apiResultCode" not in answer:
            raise self._unusable("without `apiResultCode`")
        code = str(answer["apiResultCode"])
        if code != "A1000":
            raise _error(self.client.place, code, str(answer.get("apiErrorMsg") or ""))
        # The call was accepted; what became of the question is JSON inside the JSON.
        try:
            data: Any = orjson.loads(answer.get("apiResultData") or "")
        except (orjson.JSONDecodeError, TypeError) as error:
            raise self._unusable("with `apiResultData` that is not JSON") from error
        if not isinstance(data, dict):
            raise self._unusable("with `apiResultData` that is not an object")
        if str(data.get("success")).lower() != "true":
            raise _business_error(self.client.place, data)
        return self._asked_for((data.get("msgData") or {}).get("routeResps") or [], numbers)

    def _asked_for(self, answers: Any, numbers: Sequence[str]) -> list[dict[str, Any]]:
        strangers = [a for a in answers if str(a.get("mailNo")) not in numbers]
        if strangers:
            raise self._unusable(f"about {strangers[0].get('mailNo')}, which was not asked about")
        return list(answers)

    def _unusable(self, how: str) -> TransientError:
        return TransientError(
            f"{self.client.place} answered {_SERVICE} {how}; it will be tried again."
        )


def _error(place: str, code: str, reason: str) -> FourflowError:
    """What a refusal of the call means: whether it passes by itself, and what to do if not."""
    told = f"{place} refused {_SERVICE} with code {code}"
    if code == "A1005":
        message = f"{told}: too many calls; it will be tried again."
        return RetryLaterError(message, timedelta(seconds=1))
    if code in _PASSING:
        return TransientError(f"{told}; it will be tried again.")
    return PermanentError(f"{told}: {_ADVICE.get(code, reason or 'no reason given')}.")


def _business_error(place: str, data: Mapping[str, Any]) -> FourflowError:
    code = str(data.get("errorCode") or "without a code")
    told = f"{place} could not answer {_SERVICE} ({code}: {data.get('errorMsg') or 'no reason'})"
    if code in _PASSING_BUSINESS:
        return TransientError(f"{told}; it will be tried again.")
    return _RefusedError(f"{told}.")


@dlt.source(name="sf_express")
def sf_express_source(account: SfExpressAccount, reading: Reading) -> Any:
    """Routes: one record for each waybill that was answered, with all its scans so far."""
    sf = _Sf(account, reading.client(account))

    def routes(_window: Window) -> Iterator[Page]:
        questions = _questions(account, reading.tracking_numbers())
        yield from ask(
            reading,
            "routes",
            questions,
            lambda question: _answered(sf, question),
            numbers=lambda question: question.numbers,
            workers=account.workers,
        )

    return [entity_resource("routes", account, reading, routes)]


@dataclass(frozen=True)
class _Question:
    """Waybills that go into one call; it has room for one phone number."""

    numbers: tuple[str, ...]
    phone_tail: str

    def halves(self) -> tuple["_Question", "_Question"]:
        middle = len(self.numbers) // 2
        return replace(self, numbers=self.numbers[:middle]), replace(
            self, numbers=self.numbers[middle:]
        )


def _questions(account: SfExpressAccount, parcels: Iterable[TrackingNumber]) -> Iterator[_Question]:
    by_phone: dict[str, list[str]] = {}
    for parcel in parcels:
        by_phone.setdefault(account.phone_tail or parcel.phone_tail, []).append(parcel.number)
    for phone_tail, numbers in by_phone.items():
        for first in range(0, len(numbers), account.page_size):
            yield _Question(tuple(numbers[first : first + account.page_size]), phone_tail)


def _answered(sf: _Sf, question: _Question) -> Answer:
    """The answer about all of the waybills; where SF chokes on some, it is asked in halves."""
    try:
        records = sf.routes(question.numbers, question.phone_tail)
    except _RefusedError as refused:
        if len(question.numbers) == 1:
            return Answer(_SERVICE, (), {question.numbers[0]: str(refused)})
        one, other = (_answered(sf, half) for half in question.halves())
        records = [*one.records, *other.records]
        return Answer(_SERVICE, records, {**one.problems, **other.problems})
    told = {str(record["mailNo"]) for record in records}
    silence = f"{sf.client.place} said nothing about a waybill that it was asked about."
    problems = {number: silence for number in question.numbers if number not in told}
    return Answer(f"{_SERVICE} {' '.join(question.numbers)}", records, problems)


def _parcels(
    settings: Settings, account: SfExpressAccount, reading: Reading
) -> list[TrackingNumber]:
    return open_parcels(settings, account, reading, connector="sf_express", carriers=("sf",))


def _check(account: SfExpressAccount, reading: Reading) -> str:
    with reading.client(account) as client, contextlib.suppress(_RefusedError):
        _Sf(account, client).routes((_ANY_WAYBILL,), account.phone_tail)
    return f"SF Express answers for {reading.account}: it knows the partner and the check word."


CONNECTOR: Final = Connector(
    name="sf_express",
    title="SF Express (丰桥)",
    config=SfExpressAccount,
    entities=("routes",),
    source=sf_express_source,
    check=_check,
    parcels=_parcels,
)
