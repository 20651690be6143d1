"""What customers will probably bring: the I/O around `models_ml.customers`."""

from datetime import datetime

import pandas as pd

from connectors.lake.attach import connect_snapshot
from connectors.settings import Settings
from models_ml.customers import ValueSettings, clv, judge_value
from models_ml.evaluations import evaluation_frame
from models_ml.versions import model_version
from orchestration.learning.inputs import last_time
from orchestration.learning.learnt import Learned, kept_learning, tables_there, write_learnt
from orchestration.learning.ml_tables import empty_frame, write_ml_tables

VALUE_HORIZON_DAYS = 90
LEAST_VALUED = 100
"""Fewer customers of a business and currency teach no purchase process."""
VALUE_TABLES = ("customer_values", "customer_value_evaluations")
PURCHASES_OF = "fct_person_orders"
_PURCHASES = f"""
    select
        purchases.business,
        purchases.currency_code,
        purchases.person_key,
        purchases.channel,
        purchases.created_on as bought_on,
        greatest(purchases.net_amount, 0)::double as amount,
        clock.as_of_date
    from {PURCHASES_OF} as purchases
    join int_business_clock as clock
        on clock.business = purchases.business and purchases.created_on <= clock.as_of_date
    where purchases.is_purchase and purchases.currency_code is not null
"""  # noqa: S608 (our own names)


def learn_customer_values(settings: Settings, *, now: datetime) -> Learned:
    """Say what every customer will probably buy and bring in the next VALUE_HORIZON_DAYS days.

    People, not accounts, a business and currency at a time, as of the business's clock; judged on
    the last days first. Refunds are netted. A business whose purchases are those of the last time
    keeps what was learnt then.
    """
    connection = connect_snapshot(settings)
    try:
        if PURCHASES_OF not in tables_there(connection, [PURCHASES_OF]):
            return Learned(write_ml_tables(settings, {t: empty_frame(t) for t in VALUE_TABLES}))
        before = last_time(connection, "customer_values", VALUE_TABLES, read=_PURCHASES, now=now)
        if before.is_current:
            return kept_learning(before)
        purchases = connection.execute(
            f"select * from ({_PURCHASES}) where not list_contains($kept, business)",  # noqa: S608
            {"kept": list(before.kept)},
        ).df()
    finally:
        connection.close()
    learnt = {table: [rows] for table, rows in before.rows.items()}
    notes = before.notes()
    for (business, currency), bought in purchases.groupby(["business", "currency_code"]):
        people = bought["person_key"].nunique()
        if people < LEAST_VALUED:
            notes.append(
                f"{business}: {people:,} customers who paid in {currency} are too few to value "
                f"(at least {LEAST_VALUED})"
            )
            continue
        values, judged, told = _value_customers(bought, str(business), str(currency), now=now)
        learnt["customer_values"].append(values)
        learnt["customer_value_evaluations"].append(judged)
        notes.append(told)
    return write_learnt(settings, before, learnt, notes or ["no customers to value"])


def _value_customers(
    bought: pd.DataFrame, business: str, currency: str, *, now: datetime
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Values of one business and currency, how they were judged, and a sentence on both."""
    as_of = bought["as_of_date"].iloc[0]
    first = bought["bought_on"].min()
    values = clv(
        bought,
        customer="person_key",
        time="bought_on",
        amount="amount",
        horizon_days=VALUE_HORIZON_DAYS,
        as_of=as_of,
    )
    judged = judge_value(
        bought,
        customer="person_key",
        time="bought_on",
        amount="amount",
        horizon_days=VALUE_HORIZON_DAYS,
        as_of=as_of,
    )
    version = model_version("customer-value", ValueSettings(), window_start=first, window_end=as_of)
    channels = bought.sort_values("bought_on", kind="stable").groupby("person_key")["channel"]
    values = values.rename(columns={"model": "method"}).assign(
        business=business,
        currency_code=currency,
        channel=values["person_key"].map(channels.first()),
        as_of_date=as_of,
        horizon_days=VALUE_HORIZON_DAYS,
        model_version=version,
        scored_at=now,
    )
    evaluations = evaluation_frame(
        judged.figures,
        model="customer_value",
        business=business,
        window=(
            judged.first.tz_localize("UTC"),
            (judged.last + pd.Timedelta(days=1)).tz_localize("UTC"),
        ),
        row_count=judged.count,
        model_version=version,
        evaluated_at=now,
    ).assign(currency_code=currency)
    told = (
        f"{business}: {len(values):,} customers should buy "
        f"{values['expected_purchases'].sum():,.0f} times in {VALUE_HORIZON_DAYS} days"
    )
    for metric, value, baseline, other in judged.figures:
        if metric == "purchases_rmse":
            told += f"; off by {value:.2f} purchases a customer ({baseline} {other:.2f})"
    return values, evaluations, told
