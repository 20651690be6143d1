"""WeChat Pay's daily bills through API v3: trade bill and fund flow bill of a merchant.

Here: how a bill is asked for and fetched, and what WeChat Pay's errors mean. What stands in a bill
is in `bill.py`, how calls are signed in `signing.py`.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import date, timedelta
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
from connectors.sources.api.client import ApiClient
from connectors.sources.api.connector import Connector
from connectors.sources.api.entity import entity_resource
from connectors.sources.api.reading import CHINA, Reading
from connectors.sources.api.statements import BillAccount, DailyBills, Missing
from connectors.sources.wechat_pay.bill import BillKind, WechatPayBill, parse_bill, unpacked
from connectors.sources.wechat_pay.signing import (
    authorization_header,
    response_message,
    verify,
)

_CALLS: Final[dict[BillKind, tuple[str, dict[str, str]]]] = {
    "trade": ("/v3/bill/tradebill", {"bill_type": "ALL"}),
    "fund": ("/v3/bill/fundflowbill", {"account_type": "BASIC"}),
}
_HOUR: Final = 10
_KEPT_DAYS: Final = 90
_CLOCK_TOLERANCE: Final = 300
_PROBE: Final = "WECHATPAY/SIGNTEST/"
_MISSING: Final = {
    "NO_STATEMENT_EXIST": Missing.NO_TRADE,
    "STATEMENT_CREATING": Missing.NOT_YET,
}
# What a person can do about the refusals that people meet.
_ADVICE: Final = {
    "SIGN_ERROR": "check merchant_id, merchant_serial and private_key: they do not belong together",
    "NO_AUTH": "ask WeChat Pay for the permission to download bills: the merchant does not have it",
}


class WechatPayAccount(BillAccount):
    """One merchant at WeChat Pay."""

    base_url: str = Field(default="https://api.mch.weixin.qq.com", description="API v3.")
    merchant_id: str = Field(description="The merchant's number (mchid).")
    merchant_serial: str = Field(description="Serial number of the merchant's API certificate.")
    private_key: SecretStr = Field(
        description="Private key of that certificate, PEM; signs every call."
    )
    platform_serial: str = Field(
        description="Serial number or id (PUB_KEY_ID_…) of WeChat Pay's key."
    )
    platform_public_key: str = Field(
        description="WeChat Pay's public key or certificate; every answer is verified with it."
    )
    api_v3_key: SecretStr | None = Field(
        default=None, description="Decrypts notifications; only the inbox needs it."
    )
    requests_per_second: float = Field(
        default=5.0, gt=0, description="Most calls a second; of the fund flow bill 3 are allowed."
    )


class _AddressExpiredError(Exception):
    """A download address lives for five minutes; ask for another."""


class _ApiV3:
    """The calls of one merchant."""

    def __init__(self, account: WechatPayAccount, client: ApiClient) -> None:
        self.account = account
        self.client = client

    def bill(self, kind: BillKind, day: date) -> WechatPayBill | Missing:
        """The checked bill of a date, or why there is none."""
        name = f"The {kind} bill of {self.client.place} for {day}"
        for _ in range(self.account.attempts):
            answer = self._announced(kind, day)
            if isinstance(answer, Missing):
                return answer
            try:
                data = self._download(answer, kind, name)
            except _AddressExpiredError:
                continue
            return parse_bill(data, kind, name, check_balances=self.account.check_balances)
        raise TransientError(
            f"{name} could not be downloaded: each of {self.account.attempts} addresses was "
            "refused; the cursor stays, so try again later."
        )

    def _announced(self, kind: BillKind, day: date) -> Mapping[str, str] | Missing:
        """Where a bill can be downloaded and its check sum; or why there is none."""
        path, parameters = _CALLS[kind]
        query = httpx.QueryParams({"bill_date": str(day), **parameters, "tar_type": "GZIP"})

        def judge(response: httpx.Response) -> Mapping[str, str] | Missing:
            answer = self.client.json(path, response)
            if not isinstance(answer, dict):
                raise TransientError(
                    f"{self.client.place} answered {path} with something that is not an object; it "
                    "will be tried again."
                )
            code = str(answer.get("code", ""))
            if response.is_error and code not in _MISSING:
                raise _error(self.client.place, path, code, answer)
            self._verify(path, response)
            if response.is_error:
                return _MISSING[code]
            if not answer.get("download_url") or answer.get("hash_type") != "SHA1":
                raise ContractError(
                    f"{self.client.place} announced a bill without download_url or SHA1; the "
                    "cursor stays."
                )
            return answer

        address = f"{self.account.base_url.rstrip('/')}{path}?{query}"
        return self.client.call(path, lambda: self._signed(address), judge)

    def _download(self, announced: Mapping[str, str], kind: BillKind, name: str) -> bytes:
        def judge(response: httpx.Response) -> bytes:
            if response.is_error:
                raise _AddressExpiredError
            # Downloads are not signed: the check sum stands in a signed answer.
            return unpacked(response.content, str(announced.get("hash_value", "")), name)

        address = announced["download_url"]
        what = f"the download of the {kind} bill"
        return self.client.call(what, lambda: self._signed(address), judge)

    def _signed(self, address: str) -> httpx.Request:
        """A GET of the address, its path and query signed exactly as they are sent."""
        request = httpx.Request(
            "GET", address, headers={"accept": "application/json, */*", "user-agent": "fourflow"}
        )
        request.headers["authorization"] = authorization_header(
            method="GET",
            url_path_and_query=request.url.raw_path.decode("ascii"),
            body=b"",
            merchant_id=self.account.merchant_id,
            serial_no=self.account.merchant_serial,
            private_key_pem=self.account.private_key.get_secret_value(),
            timestamp=str(int(time.time())),
            nonce=secrets.token_hex(16),
        )
        return request

    def _verify(self, path: str, response: httpx.Response) -> None:
        """Accept only what WeChat Pay signed, now and with the key that is configured.

        Raises:
            TransientError: it is one of WeChat Pay's probes with a wrong signature.
            PermanentError: it is not signed so.
        """
        headers, place = response.headers, self.client.place
        stamp, signature = (
            headers.get("wechatpay-timestamp", ""),
            headers.get("wechatpay-signature", ""),
        )
        if headers.get("wechatpay-serial", "") != self.account.platform_serial:
            raise PermanentError(
                f"{place} signed its answer to {path} with another key than `platform_serial`; if "
                "WeChat Pay changed its key, configure the new one."
            )
        message = response_message(stamp, headers.get("wechatpay-nonce", ""), response.content)
        if signature.startswith(_PROBE):
            raise TransientError(
                f"{place} answered {path} with a wrong signature, as a probe; it will be tried "
                "again."
            )
        if not verify(message, signature, self.account.platform_public_key):
            raise PermanentError(
                f"{place} got an answer to {path} that is not signed with `platform_public_key`; "
                "check that key."
            )
        if not stamp.isdigit() or abs(time.time() - int(stamp)) > _CLOCK_TOLERANCE:
            raise PermanentError(
                f"{place} signed its answer to {path} more than five minutes away from now; set "
                "this machine's clock."
            )


def _error(place: str, path: str, code: str, answer: Mapping[str, Any]) -> FourflowError:
    """What WeChat Pay's error means: whether it passes by itself, and what to do if not."""
    reason = str(answer.get("message") or "no reason given")
    told = f"{place} refused {path} with {code or 'an error'}"
    if code in ("FREQUENCY_LIMITED", "RATELIMIT_EXCEEDED"):
        return RetryLaterError(
            f"{told}: too many calls; it will be tried again.", timedelta(seconds=1)
        )
    if code in ("SYSTEM_ERROR", "BANK_ERROR"):
        return TransientError(f"{told}: {reason}; it will be tried again.")
    if "timestamp" in reason.lower():
        return PermanentError(f"{told}: set this machine's clock; five minutes off are too many.")
    return PermanentError(f"{told}: {_ADVICE.get(code, reason)}.")


@dlt.source(name="wechat_pay")
def wechat_pay_source(account: WechatPayAccount, reading: Reading) -> Any:
    """The lines of both bills, each with a cursor of its own."""
    api = _ApiV3(account, reading.client(account))
    return [
        entity_resource(f"{kind}_entries", account, reading, _pages(api, kind, reading))
        for kind in _CALLS
    ]


def _pages(api: _ApiV3, kind: BillKind, reading: Reading) -> Callable[..., Any]:
    bills = DailyBills(f"{kind} bill", _HOUR, lambda day: api.bill(kind, day), _KEPT_DAYS)
    return lambda window: bills.pages(window, reading, api.account)


def _check(account: WechatPayAccount, reading: Reading) -> str:
    day = reading.now.astimezone(CHINA).date() - timedelta(days=2)
    with reading.client(account) as client:
        bill = _ApiV3(account, client).bill("trade", day)
    told = (
        f"not there: {bill.value}" if isinstance(bill, Missing) else f"there (rows: {len(bill):,})"
    )
    return f"WeChat Pay answers for {reading.account}: the bill of {day} is {told}."


CONNECTOR: Final = Connector(
    name="wechat_pay",
    title="WeChat Pay (bills)",
    config=WechatPayAccount,
    entities=("trade_entries", "fund_entries"),
    source=wechat_pay_source,
    check=_check,
)
