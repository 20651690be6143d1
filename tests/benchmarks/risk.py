"""Order risk: honest figures, the leakage gate on planted and honest columns, speed of scoring.

Real sets (Tmall non-payment and refunds, JIT late delivery, Online Retail I returns) and a
simulated one. Twelve columns that are known only later are planted, the worst of them real; every
column that was known at the decision must pass.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from models_ml.risk import Report, RiskModel, train
from models_ml.risk.evaluate import Judged, evaluate, judge
from tests.conftest import real_data_folder
from tests.online_retail import read_return_examples

SAMPLED_CUSTOMERS = 6
"""One in so many customers of Online Retail I."""


@dataclass(frozen=True)
class Case:
    """A frame with its roles; `leaks` are the columns known only after the decision."""

    frame: pd.DataFrame
    roles: dict[str, Any]
    leaks: tuple[str, ...]


@dataclass(frozen=True)
class CaseCard:
    """What a model card says of a case beside its figures."""

    title: str
    data: str
    read: Callable[[Path], Case]


def read_case(name: str) -> Case:
    """The frame and roles of a case."""
    return CASES[name].read(real_data_folder())


def report_of(name: str) -> Report:
    """The evaluation of a case."""
    case = read_case(name)
    return evaluate(case.frame, **case.roles)


def run() -> dict[str, Any]:
    """Figures of each case, prefixed with its name, then the gate's and the speed's."""
    cases = {name: read_case(name) for name in CASES}
    figures: dict[str, Any] = {}
    planted, caught, honest, false_refusals = 0, 0, 0, []
    for name, case in cases.items():
        started = time.perf_counter()
        judged = judge(case.frame, **case.roles)
        seconds = time.perf_counter() - started
        figures |= {f"{name}_{key}": value for key, value in figures_of(judged, seconds).items()}
        refused = set(judged.report.refused_columns)
        good = [one for one in candidates(case) if one not in case.leaks]
        planted, caught = planted + len(case.leaks), caught + len(refused & set(case.leaks))
        honest += len(good)
        false_refusals += [f"{name}.{one}" for one in good if one in refused]
        if name == "tmall_non_payment":
            speed = speed_of(case)
    figures |= {
        "leaks_planted": planted,
        "leaks_refused": caught,
        "honest_columns": honest,
        "honest_columns_refused": len(false_refusals),
        "honest_columns_refused_names": ", ".join(false_refusals),
    }
    return figures | speed


def candidates(case: Case) -> list[str]:
    """The columns that the gate had to judge."""
    roles = {value for value in case.roles.values() if isinstance(value, str)}
    return [name for name in case.frame.columns if name not in roles]


def figures_of(judged: Judged, seconds: float) -> dict[str, Any]:
    """What an acceptance asks for."""
    report = judged.report
    column = report.one_column_baseline
    return {
        "rows": len(judged.labels),
        "test_rows": report.rows["test"],
        "learner": report.learner,
        "average_precision": round(report.average_precision, 4),
        "average_precision_one_column": round(float(column), 4) if column else None,
        "average_precision_random_split": round(report.random_split.average_precision, 4),
        "base_rate": round(report.base_rate, 4),
        "auc": round(report.auc, 4),
        "brier": round(report.brier, 4),
        "brier_constant": round(report.brier_constant, 4),
        "ece": round(report.ece, 4),
        "precision_at_capacity": round(report.precision_at_capacity, 4),
        "expected_cost": round(report.expected_cost, 4),
        "cost_without_model": round(report.cost_without, 4),
        "kept": report.kept,
        "refused": ", ".join(report.refused_columns),
        "seconds": round(seconds, 1),
    }


def speed_of(case: Case) -> dict[str, Any]:
    """Rows a second at once without and with reasons, and one order alone with reasons."""
    model = train(case.frame, **case.roles)
    assert isinstance(model, RiskModel)
    frame = pd.concat([case.frame] * 4, ignore_index=True).head(100_000)
    scored_at = pd.Timestamp(model.trained_as_of, tz="UTC")
    rates = {}
    for name, reasons in (("batch_rows_a_second", 0), ("batch_rows_a_second_with_reasons", None)):
        started = time.perf_counter()
        model.score(frame, scored_at=scored_at, reasons=reasons)
        rates[name] = round(len(frame) / (time.perf_counter() - started))
    singles = []
    for place in range(50):
        one = frame.iloc[[place]]
        started = time.perf_counter()
        model.score(one, scored_at=scored_at)
        singles.append(time.perf_counter() - started)
    return {
        "batch_rows": len(frame),
        **rates,
        "one_order_milliseconds_median": round(float(np.median(singles)) * 1_000, 2),
        "one_order_milliseconds_worst": round(max(singles) * 1_000, 2),
    }


def read_tmall(folder: Path) -> pd.DataFrame:
    """Orders in order of creation, with columns that were known at the order."""
    frame = pd.read_parquet(folder / "tmall" / "tmall_order_report.parquet")
    frame.columns = frame.columns.str.strip()
    frame = frame.sort_values("订单创建时间", kind="stable", ignore_index=True)
    created = pd.to_datetime(frame["订单创建时间"])
    frame["整元"] = frame["总金额"].astype(float) % 1 == 0
    frame["省内已有订单数"] = frame.groupby("收货地址").cumcount()
    frame["同额已有订单数"] = frame.groupby("总金额").cumcount()
    frame["下单时段"] = created.dt.hour.map(lambda hour: f"{hour:02}时")
    frame["店铺开业天数"] = (created - created.min()).dt.days + 30
    return frame.drop(columns="订单编号")


def tmall_non_payment(folder: Path) -> Case:
    """Which orders are never paid? Decided at creation, known when the order closes a day later."""
    frame = read_tmall(folder)
    frame["未付款"] = frame["订单付款时间"].isna().astype(int)
    frame["关闭时间"] = pd.to_datetime(frame["订单创建时间"]) + pd.Timedelta(days=1)
    roles = {
        "label": "未付款",
        "decided_at": "订单创建时间",
        "matured_at": "关闭时间",
        "cost": {"false_negative": 5, "false_positive": 1, "capacity": 0.1},
    }
    return Case(frame, roles, ("买家实际支付金额", "订单付款时间", "退款金额"))


def tmall_refund(folder: Path) -> Case:
    """Which paid orders are refunded? The amount paid is net of refunds: the real leak."""
    frame = read_tmall(folder)
    frame = frame[frame["订单付款时间"].notna()].reset_index(drop=True)
    waited = pd.to_datetime(frame["订单付款时间"]) - pd.to_datetime(frame["订单创建时间"])
    frame["付款用时秒"] = waited.dt.total_seconds()
    frame["有退款"] = (frame["退款金额"].astype(float) > 0).astype(int)
    roles = {"label": "有退款", "decided_at": "订单付款时间"}
    return Case(frame, roles, ("买家实际支付金额", "退款金额"))


def jit_late(folder: Path) -> Case:
    """Which lines ship later than promised? Shipments before the order or a month on are dirt."""
    frame = pd.read_parquet(folder / "jit_supply_chain" / "orders_and_shipments.parquet")
    frame.columns = frame.columns.str.strip()
    ordered, shipped = jit_day(frame, "Order"), jit_day(frame, "Shipment")
    days = (shipped - ordered).dt.days
    frame["Shipment Days - Real"] = days
    frame["Shipped At"] = shipped + pd.Timedelta(hours=20)
    frame["Is Late"] = (days > frame["Shipment Days - Scheduled"].str.strip().astype(int)).astype(
        int
    )
    flips = np.random.default_rng(1).random(len(frame)) < 0.04
    status = np.where(flips, 1 - frame["Is Late"], frame["Is Late"])
    frame["Delivery Status"] = np.where(status == 1, "Late delivery", "Shipping on time")
    frame["Ordered At"] = ordered + pd.to_timedelta(frame["Order Time"].str.strip() + ":00")
    frame["Label Known At"] = frame["Shipped At"].clip(lower=frame["Ordered At"])
    frame = frame[days.between(0, 30)].reset_index(drop=True)
    frame = frame.drop(columns=["Shipment Year", "Shipment Month", "Shipment Day"])
    roles = {
        "label": "Is Late",
        "decided_at": "Ordered At",
        "matured_at": "Label Known At",
        "group": "Order ID",
        "cost": {"false_negative": 2, "false_positive": 1, "capacity": 0.2},
    }
    return Case(frame, roles, ("Shipment Days - Real", "Shipped At", "Delivery Status"))


def jit_day(frame: pd.DataFrame, what: str) -> pd.Series:
    """The day that stands in three columns."""
    parts = [frame[f"{what} {unit}"].str.strip() for unit in ("Year", "Month", "Day")]
    return pd.to_datetime(parts[0] + "-" + parts[1] + "-" + parts[2])


def online_retail_return(folder: Path) -> Case:
    """Which sold lines are cancelled within 30 days? A sample of whole customers."""
    frame, _ = read_return_examples(folder)
    kept = frame["customer_key"].astype(float).astype(int) % SAMPLED_CUSTOMERS == 0
    frame = frame[kept].drop(columns=["business", "channel"]).reset_index(drop=True)
    returned = frame["is_returned"].fillna(False).astype(bool)
    frame["cancelled_at"] = frame["label_known_at"].where(returned)
    frame["returned_quantity"] = frame["quantity"].where(returned, 0)
    frame["customer_return_rate"] = returned.groupby(frame["customer_key"]).transform("mean")
    roles = {
        "label": "is_returned",
        "decided_at": "ordered_at",
        "matured_at": "label_known_at",
        "group": "order_key",
        "available_at": {"returned_quantity": pd.Timedelta(days=30)},
    }
    return Case(frame, roles, ("cancelled_at", "returned_quantity", "customer_return_rate"))


def simulated_bad_debt(*, count: int = 40_000, seed: int = 11) -> Case:
    """Orders on credit; the true risk drifts slowly and the answer is known after 30 to 45 days."""
    rng = np.random.default_rng(seed)
    day = np.sort(rng.uniform(0, 540, count))
    placed = pd.Timestamp("2024-01-01") + pd.to_timedelta(day, unit="D")
    buyer, region = rng.integers(0, 3_000, count), rng.integers(0, 12, count)
    amount = np.round(np.exp(rng.normal(6, 1.2, count)), 2)
    limit = np.round(np.exp(rng.normal(8, 0.6, 3_000)))[buyer]
    months = rng.integers(0, 60, 3_000)[buyer]
    odds = -3.2 + rng.normal(0, 0.9, 3_000)[buyer] + rng.normal(0, 0.4, 12)[region]
    odds += 0.5 * np.log(amount / limit) + 0.8 - 0.01 * months + 0.4 * np.sin(day / 90)
    is_bad = rng.random(count) < 1 / (1 + np.exp(-odds))
    flips = rng.random(count) < 0.02
    frame = pd.DataFrame(
        {
            "buyer": [f"B{number:05}" for number in buyer],
            "region": [f"region {number}" for number in region],
            "amount": amount,
            "credit_limit": limit,
            "limit_used": amount / limit,
            "months_known": months,
            "sales_channel": rng.choice(["shop", "phone", "web"], count),
            "payment_due_at": placed + pd.Timedelta(days=30),
            "last_visit_at": placed - pd.to_timedelta(rng.exponential(9, count), unit="D"),
            "orders_before": pd.Series(buyer).groupby(buyer).cumcount().to_numpy(),
            "collection_note": np.where(is_bad ^ flips, "dunned", "settled"),
            "orders_of_buyer": np.bincount(buyer)[buyer],
            "placed_at": placed,
            "known_at": placed + pd.to_timedelta(np.where(is_bad, 45, 30), unit="D"),
            "is_bad": is_bad.astype(int),
        }
    )
    roles = {"label": "is_bad", "decided_at": "placed_at", "matured_at": "known_at"}
    return Case(frame, roles, ("collection_note", "orders_of_buyer"))


CASES = {
    "tmall_non_payment": CaseCard(
        "Non-payment on Tmall", "Tmall order report; known a day after the order", tmall_non_payment
    ),
    "tmall_refund": CaseCard(
        "Refunds on Tmall", "Tmall order report, paid orders only", tmall_refund
    ),
    "jit_late": CaseCard(
        "Late shipment, JIT supply chain",
        "JIT supply chain, lines shipped within 30 days",
        jit_late,
    ),
    "online_retail_return": CaseCard(
        "Cancelled lines, Online Retail I",
        f"Online Retail I, one customer in {SAMPLED_CUSTOMERS}; cancelled within 30 days",
        online_retail_return,
    ),
    "simulated_bad_debt": CaseCard(
        "Bad debt, simulated",
        "40,000 simulated orders on credit",
        lambda _: simulated_bad_debt(),
    ),
}
"""Name of each case -> its card."""
