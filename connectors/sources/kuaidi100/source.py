"""Tracks of parcels of any carrier through Kuaidi100, asked for one number at a time.

Here: the query and what its answers mean. How a query is signed is in `signing.py`; which parcels
are asked about in `connectors.sources.api.tracking`; pushes arrive through `connectors.inbox`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import dlt
import httpx
import orjson
from pydantic import Field, SecretStr

from connectors.declarations import suggest
from connectors.errors import InputError, PermanentError, TransientError
from connectors.settings import Settings
from connectors.sources.api.asking import Answer, ask
from connectors.sources.api.carriers import kuaidi100_codes
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.reading import Page, Reading, TrackingNumber, Window
from connectors.sources.api.tracking import CarrierAccount, open_parcels
from connectors.sources.kuaidi100.signing import sign

_QUERY: Final = "poll/query.do"
_DETAIL: Final = "4"
_ANY_PARCEL: Final = TrackingNumber("YT0000000000000", "yuantong")
# Carriers that answer only to who knows the sender's or recipient's phone number.
_WANT_PHONE: Final = ("shunfeng", "zhongtong", "fengwang")
_NOTHING_YET: Final = "500"
_PASSING: Final = ("501", "502")
_LOCKED: Final = "锁"
# Refusals that no other parcel would get round.
_ADVICE: Final = {
    "503": "check customer and key: the signature was refused",
    "504": "order queries at Kuaidi100: the trial is over",
    "601": "renew the key or top up the balance at Kuaidi100",
}
_ABOUT_THE_PARCEL: Final = {
    "400": "the number does not fit the carrier",
    "408": "the phone number does not fit; set phone_tail to the sender's last four digits",
}


class Kuaidi100Account(CarrierAccount):
    """One customer of Kuaidi100."""

    base_url: str = Field(
        default="https://poll.kuaidi100.com", description="Where Kuaidi100's services are."
    )
    customer: str = Field(description="The customer number (customer).")
    key: SecretStr = Field(description="The authorisation key; signs queries.")
    push_salt: SecretStr | None = Field(
        default=None, description="The salt of subscriptions; signs what Kuaidi100 pushes."
    )
    carriers: tuple[str, ...] = Field(
        default=(),
        description="Carriers asked about, by their code in the seed `carriers`; empty: all.",
    )
    hours_after_end: int = Field(
        default=0,
        ge=0,
        description="A parcel whose end was told is asked about for so long after it. Each "
        "query is billed.",
    )
    requests_per_second: float = Field(
        default=10.0, gt=0, description="Most calls a second; later calls wait."
    )


class _Kuaidi100:
    """The queries of one customer."""

    def __init__(self, account: Kuaidi100Account, client: ApiClient) -> None:
        self._account = account
        self.client = client

    def track(self, parcel: TrackingNumber) -> dict[str, Any]:
        """The answer about one parcel, be it a track or a refusal that concerns this parcel only.

        Raises:
            PermanentError: a refusal that every parcel would get.
        """
        text = orjson.dumps(
            {
                "com": parcel.carrier,
                "num": parcel.number,
                "phone": parcel.phone_tail,
                "from": "",
                "to": "",
                "resultv2": _DETAIL,
                "show": "0",
                "order": "desc",
            }
        ).decode()
        customer = self._account.customer

        def build() -> httpx.Request:
            signed = sign(text, self._account.key.get_secret_value(), customer)
            form = {"customer": customer, "sign": signed, "param": text}
            return httpx.Request("POST", f"{self._account.base_url}/{_QUERY}", data=form)

        def judge(response: httpx.Response) -> dict[str, Any]:
            return self._judged(self.client.json(_QUERY, response), parcel)

        return self.client.call(_QUERY, build, judge)

    def _judged(self, answer: Any, parcel: TrackingNumber) -> dict[str, Any]:
        if not isinstance(answer, dict):
            raise self._unusable("something that is not an object")
        # A good answer may say `result: false` all the same.
        if str(answer.get("status")) == "200":
            if str(answer.get("nu")) != parcel.number:
                raise self._unusable(f"the track of {answer.get('nu')}, which was not asked for")
            return answer
        code = str(answer.get("returnCode") or "")
        message = str(answer.get("message") or "no reason given")
        told = f"{self.client.place} refused {_QUERY} with code {code}"
        if not code:
            raise self._unusable("neither a track nor a code")
        if code in _ADVICE:
            raise PermanentError(f"{told}: {_ADVICE[code]}.")
        if code in _PASSING and _LOCKED not in message:
            raise TransientError(f"{told} ({message}); it will be tried again.")
        return answer

    def _unusable(self, what: str) -> TransientError:
        return TransientError(
            f"{self.client.place} answered {_QUERY} with {what}; it will be tried again."
        )


@dlt.source(name="kuaidi100")
def kuaidi100_source(account: Kuaidi100Account, reading: Reading) -> Any:
    """Tracks: one record for each answer about a parcel, with all its scans so far."""
    kuaidi100 = _Kuaidi100(account, reading.client(account))

    def tracks(_window: Window) -> Iterator[Page]:
        parcels = list(reading.tracking_numbers())
        hopeless = [parcel.number for parcel in parcels if _lacks_phone(parcel)]
        if hopeless:
            reading.on_problem("tracks", _phone_problem(kuaidi100.client.place, hopeless))
        yield from ask(
            reading,
            "tracks",
            (parcel for parcel in parcels if not _lacks_phone(parcel)),
            lambda parcel: _answered(kuaidi100, parcel),
            numbers=lambda parcel: (parcel.number,),
            workers=account.workers,
        )

    return [entity_resource("tracks", account, reading, tracks)]


def _lacks_phone(parcel: TrackingNumber) -> bool:
    return parcel.carrier in _WANT_PHONE and not parcel.phone_tail


def _phone_problem(place: str, numbers: Sequence[str]) -> str:
    return (
        f"{place} tells about parcels of {', '.join(_WANT_PHONE)} only to who knows a phone number "
        f"({len(numbers):,} were not asked about, such as {numbers[0]}): set phone_tail to the "
        "sender's last four digits."
    )


def _answered(kuaidi100: _Kuaidi100, parcel: TrackingNumber) -> Answer:
    request = f"{_QUERY} {parcel.carrier} {parcel.number}"
    answer = kuaidi100.track(parcel)
    if str(answer.get("status")) == "200":
        return Answer(request, (answer,))
    # A refusal does not say about which number it is; landed, it counts as asked.
    record = {**answer, "nu": parcel.number, "com": parcel.carrier}
    code = str(answer["returnCode"])
    if code == _NOTHING_YET:
        return Answer(request, (record,))
    return Answer(request, (record,), {parcel.number: _problem(kuaidi100.client.place, answer)})


def _problem(place: str, answer: Mapping[str, Any]) -> str:
    code, message = str(answer["returnCode"]), str(answer.get("message") or "no reason given")
    if _LOCKED in message:
        return f"{place} locked a number that was asked for twice within half an hour."
    return f"{place} refused a number with code {code}: {_ABOUT_THE_PARCEL.get(code, message)}."


def _parcels(
    settings: Settings, account: Kuaidi100Account, reading: Reading
) -> Iterable[TrackingNumber]:
    """The parcels with the codes that Kuaidi100 has for their carriers."""
    codes = kuaidi100_codes(settings)
    for carrier in account.carriers:
        if carrier not in codes:
            raise InputError(
                f"Account {reading.account} of {reading.source} names the carrier {carrier!r}, "
                f"which Kuaidi100 has no code for; {suggest(carrier, codes)}."
            )
    carriers = account.carriers or tuple(codes)
    found = open_parcels(settings, account, reading, connector="kuaidi100", carriers=carriers)
    for parcel in found:
        code = codes[parcel.carrier]
        phone_tail = account.phone_tail or parcel.phone_tail if code in _WANT_PHONE else ""
        yield TrackingNumber(parcel.number, code, phone_tail)


def _check(account: Kuaidi100Account, reading: Reading) -> str:
    with reading.client(account) as client:
        _Kuaidi100(account, client).track(_ANY_PARCEL)
    return f"Kuaidi100 answers for {reading.account}: it knows the customer and the key."


CONNECTOR: Final = Connector(
    name="kuaidi100",
    title="Kuaidi100 (快递100)",
    config=Kuaidi100Account,
    entities=("tracks",),
    source=kuaidi100_source,
    check=_check,
    parcels=_parcels,
)
