"""Alipay's daily bills: the business detail and the account detail of a merchant.

Here: how a bill is asked for and fetched, and what the gateway's errors mean. What stands in a
bill is in `bill.py`, how calls are signed in `signing.py`.
"""

import json
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final

import dlt
import httpx
from pydantic import Field, SecretStr

from connectors.errors import (
    ContractError,
    FourflowError,
    PermanentError,
    RetryLaterError,
    TransientError,
)
from connectors.sources.alipay.bill import AlipayBill, BillKind, read_bill
from connectors.sources.alipay.signing import sign, string_to_sign, verify
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.reading import CHINA, Reading
from connectors.sources.api.statements import BillAccount, DailyBills, Missing

METHOD: Final = "alipay.data.dataservice.bill.downloadurl.query"
_ENVELOPE: Final = f"{METHOD.replace('.', '_')}_response"
_BILL_TYPES: Final[dict[BillKind, str]] = {"trade": "trade", "account": "signcustomer"}
_HOUR: Final = 9
_NO_BILL: Final = "isp.bill_not_exist"
# What a person can do about the refusals that people meet, by sub_code or code.
_ADVICE: Final = {
    "isv.invalid-app-id": "check app_id: Alipay does not know it",
    "isv.invalid-signature": "check private_key: it does not belong to the key that the app has",
    "isv.invalid-timestamp": "set this machine's clock: it is too far from Alipay's",
    "20001": "check the app's authorisation",
    "40006": "ask Alipay for the permission to download bills: the app does not have it",
}


class AlipayAccount(BillAccount):
    """One merchant account at Alipay."""

    base_url: str = Field(
        default="https://openapi.alipay.com/gateway.do", description="Alipay's gateway."
    )
    app_id: str = Field(description="The application's id.")
    private_key: SecretStr = Field(
        description="The application's RSA2 private key, PEM or its Base64; signs every call."
    )
    alipay_public_key: str = Field(
        description="Alipay's public key of this application; every answer is verified with it."
    )
    requests_per_second: float = Field(
        default=5.0, gt=0, description="Most calls a second; later calls wait."
    )


class _AddressExpiredError(Exception):
    """A download address lives for 30 seconds; ask for another."""


class _Gateway:
    """The calls of one merchant account."""

    def __init__(self, account: AlipayAccount, client: ApiClient) -> None:
        self.account = account
        self.client = client

    def bill(self, kind: BillKind, day: date) -> AlipayBill | None:
        """The checked bill of a date; None if Alipay has none."""
        name = f"The {kind} bill of {self.client.place} for {day}"
        for _ in range(self.account.attempts):
            address = self._address(kind, day)
            if address is None:
                return None
            try:
                bill = self._download(address, kind, name)
            except _AddressExpiredError:
                continue
            if bill.first != day:
                raise ContractError(
                    f"{name} came as that of {bill.first}; nothing of it was taken and the cursor "
                    "stays."
                )
            return bill
        raise TransientError(
            f"{name} could not be downloaded within the 30 seconds that each of "
            f"{self.account.attempts} addresses lived; the cursor stays, so try again later."
        )

    def _address(self, kind: BillKind, day: date) -> str | None:
        """Where the bill can be downloaded for 30 seconds; None if there is none."""
        content = {"bill_type": _BILL_TYPES[kind], "bill_date": day.isoformat()}
        answer = self._call(content)
        if answer is None:
            return None
        address = answer.get("bill_download_url")
        if not isinstance(address, str) or not address:
            raise ContractError(
                f"{self.client.place} answered {METHOD} without `bill_download_url`; the cursor "
                "stays."
            )
        return address

    def _call(self, content: Mapping[str, str]) -> dict[str, Any] | None:
        def build() -> httpx.Request:
            account = self.account
            form = {
                "app_id": account.app_id,
                "method": METHOD,
                "format": "JSON",
                "charset": "utf-8",
                "sign_type": "RSA2",
                "timestamp": f"{datetime.now(CHINA):%Y-%m-%d %H:%M:%S}",
                "version": "1.0",
                "biz_content": json.dumps(content),
            }
            text = string_to_sign(form, notify=False)
            form["sign"] = sign(text, account.private_key.get_secret_value())
            return httpx.Request("POST", account.base_url, data=form)

        def judge(response: httpx.Response) -> dict[str, Any] | None:
            answer, raw, signature = _opened(self.client, response)
            code, sub_code = str(answer.get("code", "")), str(answer.get("sub_code", ""))
            if code != "10000" and sub_code != _NO_BILL:
                raise _error(self.client.place, code, sub_code, answer)
            # Both move the cursor, so both must be Alipay's own words.
            if not verify(raw, signature, self.account.alipay_public_key):
                raise PermanentError(
                    f"{self.client.place} got an answer that is not signed with "
                    "`alipay_public_key`; check that key, it is Alipay's and not the app's own."
                )
            return answer if code == "10000" else None

        return self.client.call(METHOD, build, judge)

    def _download(self, address: str, kind: BillKind, name: str) -> AlipayBill:
        def build() -> httpx.Request:
            return httpx.Request("GET", address)

        def judge(response: httpx.Response) -> AlipayBill:
            if response.is_error:
                raise _AddressExpiredError
            if response.content.lstrip()[:1] == b"<":
                raise TransientError(
                    f"{name} came as a web page instead of a zip; it will be downloaded again."
                )
            check = self.account.check_balances
            return read_bill(response.content, kind, name, check_balances=check)

        return self.client.call(f"the download of the {kind} bill", build, judge)


def _opened(client: ApiClient, response: httpx.Response) -> tuple[dict[str, Any], str, str]:
    """The response object, its raw text and the signature of just that text.

    Raises:
        TransientError: the answer is cut off or is not an answer of the gateway.
    """
    envelope = client.json(METHOD, response)
    for key in (_ENVELOPE, "error_response"):
        if isinstance(envelope, dict) and isinstance(envelope.get(key), dict):
            text = response.content.decode("utf-8", "replace")
            start = text.index(":", text.index(f'"{key}"')) + 1
            start += len(text[start:]) - len(text[start:].lstrip())
            _, end = json.JSONDecoder().raw_decode(text, start)
            return envelope[key], text[start:end], str(envelope.get("sign", ""))
    raise TransientError(
        f"{client.place} answered {METHOD} without `{_ENVELOPE}`; it will be tried again."
    )


def _error(place: str, code: str, sub_code: str, answer: Mapping[str, Any]) -> FourflowError:
    """What the gateway's error means: whether it passes by itself, and what to do if not."""
    reason = str(answer.get("sub_msg") or answer.get("msg") or "no reason given")
    told = f"{place} refused {METHOD} with code {code}{f' ({sub_code})' if sub_code else ''}"
    if code == "40005" or "call-limited" in sub_code:
        return RetryLaterError(
            f"{told}: too many calls; it will be tried again.", timedelta(seconds=1)
        )
    if code == "20000" or sub_code.startswith(("isp.", "aop.")):
        return TransientError(f"{told}: {reason}; it will be tried again.")
    return PermanentError(f"{told}: {_ADVICE.get(sub_code) or _ADVICE.get(code) or reason}.")


@dlt.source(name="alipay")
def alipay_source(account: AlipayAccount, reading: Reading) -> Any:
    """The lines of both bills, each with a cursor of its own."""
    gateway = _Gateway(account, reading.client(account))
    return [
        entity_resource(f"{kind}_entries", account, reading, _pages(gateway, kind, reading))
        for kind in _BILL_TYPES
    ]


def _pages(gateway: _Gateway, kind: BillKind, reading: Reading) -> Callable[..., Any]:
    def fetch(day: date) -> AlipayBill | Missing:
        bill = gateway.bill(kind, day)
        # The gateway has one word for a day without trade and for a bill that is not there yet.
        return Missing.UNCLEAR if bill is None else bill

    bills = DailyBills(f"{kind} bill", _HOUR, fetch)
    return lambda window: bills.pages(window, reading, gateway.account)


def _check(account: AlipayAccount, reading: Reading) -> str:
    day = reading.now.astimezone(CHINA).date() - timedelta(days=2)
    with reading.client(account) as client:
        bill = _Gateway(account, client).bill("trade", day)
    told = "not there" if bill is None else f"there (rows: {len(bill):,})"
    return f"Alipay answers for {reading.account}: the bill of {day} is {told}."


CONNECTOR: Final = Connector(
    name="alipay",
    title="Alipay (bills)",
    config=AlipayAccount,
    entities=("trade_entries", "account_entries"),
    source=alipay_source,
    check=_check,
)
