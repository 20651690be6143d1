"""Acceptance: approval links work once, expire, can't be altered, are rate-limited and logged."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert, select
from starlette.applications import Starlette
from starlette.testclient import TestClient

from connectors.database.engine import write_transaction
from connectors.database.schema import approval_link_visits, approvals, decisions
from connectors.errors import InputError
from orchestration.decisions.approvals.links import (
    ApprovalLinks,
    LinkPolicy,
    Refusal,
    RefusedLinkError,
    refusals,
)
from orchestration.decisions.approvals.pages import ApprovalPages, page_routes
from orchestration.decisions.approvals.policy import SHIPPED_POLICY, read_approval_policy
from orchestration.decisions.approvals.verdicts import find_approval

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime.now(UTC).replace(microsecond=0)
ONE = "a" * 64


@pytest.fixture
def links(engine: Engine) -> ApprovalLinks:
    with write_transaction(engine) as connection:
        connection.execute(insert(decisions).values(
            decision_id=ONE, rule_id="big_order", rule_version=3, kind="approval",
            subject='{"order_no":"1"}', occurrence="once", occurred_at=NOW, publication_id="p",
            snapshot_id=1, explanation={"customer": "<script>alert(1)</script>"},
            message={"en": "Approve order 1?", "zh": "是否批准订单 1？"},
            amount=Decimal("12000.50"),
            currency_code="CNY", state="awaiting_approval", created_at=NOW, updated_at=NOW,
        ))  # fmt: skip
        connection.execute(insert(approvals).values(
            decision_id=ONE, tier="manager", role="general_manager", needed=1,
            recommended="approve", state="awaiting", requested_at=NOW,
            due_at=NOW + timedelta(hours=12), escalations=0,
        ))  # fmt: skip
    policy = LinkPolicy(visits=5, span=timedelta(minutes=10))
    shipped = read_approval_policy(SHIPPED_POLICY)
    return ApprovalLinks(
        engine, shipped, key="k" * 64, base_url="https://shop/", zone=ZONE, policy=policy
    )


def token_of(links: ApprovalLinks, now: datetime = NOW) -> str:
    return links.issue(ONE, "Wang", now=now).url.removeprefix("https://shop/approvals/")


def outcomes(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        query = select(approval_link_visits.c.outcome).order_by(approval_link_visits.c.visit_id)
        return list(connection.execute(query).scalars())


def state_of(engine: Engine) -> str:
    approval = find_approval(engine, ONE)
    assert approval is not None
    return approval.state


def test_link_answers_once(engine: Engine, links: ApprovalLinks) -> None:
    token = token_of(links)
    assert links.open(token, "phone", now=NOW).approver == "Wang"
    assert links.open(token, "phone", now=NOW).approval.state == "awaiting"
    assert links.answer(token, "phone", "approve", "", now=NOW).state == "approved"
    with pytest.raises(RefusedLinkError, match="used_before"):
        links.answer(token, "phone", "reject", "changed my mind", now=NOW)
    assert state_of(engine) == "approved"
    assert outcomes(engine) == ["opened", "opened", "approved", "used_before"]
    with pytest.raises(InputError, match="Nobody is asked"):
        links.issue(ONE, "Wang", now=NOW)


def test_link_expires_by_itself_and_with_its_request(engine: Engine, links: ApprovalLinks) -> None:
    link = links.issue(ONE, "Wang", now=NOW)
    assert link.expires_at == NOW + timedelta(hours=12), "never after the request's time limit"
    with pytest.raises(RefusedLinkError, match="expired"):
        links.open(link.url.rpartition("/")[2], "phone", now=NOW + timedelta(hours=12))
    assert state_of(engine) == "awaiting"


@pytest.mark.parametrize("spoil", [
    lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
    lambda token: "X" + token[1:],
    lambda token: token.partition(".")[0],
    lambda token: "",
    lambda token: "not.a.token",
])  # fmt: skip
def test_altered_or_made_up_link_is_refused_and_logged(
    engine: Engine, links: ApprovalLinks, spoil: Any
) -> None:
    with pytest.raises(RefusedLinkError, match="forged"):
        links.answer(spoil(token_of(links)), "stranger", "approve", "", now=NOW)
    assert state_of(engine) == "awaiting"
    assert outcomes(engine) == ["forged"]
    assert refusals(engine) == {"forged": 1}


def test_link_signed_with_another_key_is_forged(engine: Engine, links: ApprovalLinks) -> None:
    shipped = read_approval_policy(SHIPPED_POLICY)
    other = ApprovalLinks(engine, shipped, key="x" * 64, base_url="https://shop", zone=ZONE)
    with pytest.raises(RefusedLinkError, match="forged"):
        links.open(token_of(other), "stranger", now=NOW)


def test_who_tries_too_often_waits_and_others_do_not(engine: Engine, links: ApprovalLinks) -> None:
    token = token_of(links)
    for _ in range(5):
        with pytest.raises(RefusedLinkError, match="forged"):
            links.open("guess", "robot", now=NOW)
    for _ in range(20):
        with pytest.raises(RefusedLinkError, match="too_many"):
            links.open(token, "robot", now=NOW)
    assert len(outcomes(engine)) == 5, "a flood does not fill the table"
    assert links.open(token, "phone", now=NOW).approver == "Wang"
    assert links.open(token, "robot", now=NOW + timedelta(minutes=11)).approver == "Wang"


def test_verdict_that_is_not_taken_leaves_the_link_good(
    engine: Engine, links: ApprovalLinks
) -> None:
    token = token_of(links)
    with pytest.raises(InputError, match="give a reason"):
        links.answer(token, "phone", "reject", " ", now=NOW)
    assert links.answer(token, "phone", "reject", "too dear", now=NOW).state == "rejected"
    assert outcomes(engine) == ["not_taken", "rejected"]


@pytest.fixture
def browser(links: ApprovalLinks) -> Iterator[TestClient]:
    app = Starlette(routes=list(page_routes(ApprovalPages(links, ZoneInfo("Asia/Shanghai")))))
    with TestClient(app, client=("203.0.113.7", 5000)) as client:
        yield client


def test_page_asks_and_takes_the_answer(
    engine: Engine, links: ApprovalLinks, browser: TestClient
) -> None:
    path = f"/approvals/{token_of(links)}"
    page = browser.get(path)
    assert page.status_code == 200
    assert "是否批准订单 1？" in page.text
    assert "12000.50 CNY" in page.text
    assert "<script>" not in page.text
    assert "viewport" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert browser.post(path, data={"answer": "maybe"}).status_code == 400
    assert browser.post(path, data={"answer": "reject"}).status_code == 422
    assert state_of(engine) == "awaiting"
    assert "Rejected" in browser.post(path, data={"answer": "reject", "reason": "no"}).text
    assert browser.get(path).status_code == 410
    assert state_of(engine) == "rejected"


def test_page_refuses_what_the_links_refuse(links: ApprovalLinks, browser: TestClient) -> None:
    codes = [browser.get("/approvals/forged").status_code for _ in range(6)]
    assert codes == [403] * 5 + [429]
    assert links.visitor("203.0.113.7") != links.visitor("203.0.113.8")
    large = browser.post("/approvals/x", content=b"a" * 20_000)
    assert large.status_code == 413


def test_visitor_behind_our_proxy_is_the_one_that_the_proxy_saw(
    engine: Engine, links: ApprovalLinks
) -> None:
    app = Starlette(routes=list(page_routes(ApprovalPages(links, ZoneInfo("UTC")))))
    with TestClient(app, client=("127.0.0.1", 5000)) as proxy:
        proxy.get("/approvals/x", headers={"x-forwarded-for": "1.1.1.1, 198.51.100.9"})
    with TestClient(app, client=("203.0.113.7", 5000)) as direct:
        direct.get("/approvals/x", headers={"x-forwarded-for": "198.51.100.9"})
    with engine.connect() as connection:
        seen = list(connection.execute(select(approval_link_visits.c.visitor)).scalars())
    assert seen == [links.visitor("198.51.100.9"), links.visitor("203.0.113.7")]
    assert "198.51.100.9" not in seen


def test_all_refusals_have_words() -> None:
    assert {str(one) for one in Refusal} == {"forged", "expired", "used_before", "too_many"}
