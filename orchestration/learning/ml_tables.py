"""The tables that models write: their columns, and the one way to write them."""

from collections.abc import Mapping

import pandas as pd

from connectors.lake.attach import connect_writer
from connectors.settings import Settings

_EVALUATIONS = {
    "model": "varchar",
    "business": "varchar",
    "metric": "varchar",
    "value": "double",
    "baseline_name": "varchar",
    "baseline_value": "double",
    "window_start": "timestamptz",
    "window_end": "timestamptz",
    "row_count": "bigint",
    "model_version": "varchar",
    "evaluated_at": "timestamptz",
}

ML_TABLES: dict[str, dict[str, str]] = {
    "demand_forecasts": {
        "business": "varchar",
        "sku": "varchar",
        "origin_date": "date",
        "forecast_date": "date",
        "horizon_days": "integer",
        "expected_quantity": "double",
        "lower_quantity": "double",
        "upper_quantity": "double",
        "cumulative_error_spread": "double",
        "method": "varchar",
        "model_version": "varchar",
        "scored_at": "timestamptz",
    },
    "demand_backtest": {
        "business": "varchar",
        "method": "varchar",
        "fold": "integer",
        "origin_date": "date",
        "horizon_days": "integer",
        "series_count": "bigint",
        "actual_quantity": "double",
        "absolute_error": "double",
        "bias_quantity": "double",
    },
    "customer_values": {
        "business": "varchar",
        "person_key": "varchar",
        "channel": "varchar",
        "currency_code": "varchar",
        "frequency": "bigint",
        "recency_days": "bigint",
        "age_days": "bigint",
        "mean_amount": "decimal(18,2)",
        "probability_alive": "double",
        "purchase_probability": "double",
        "expected_purchases": "double",
        "expected_amount": "decimal(18,2)",
        "expected_value": "decimal(18,2)",
        "as_of_date": "date",
        "horizon_days": "integer",
        "method": "varchar",
        "model_version": "varchar",
        "scored_at": "timestamptz",
    },
    "customer_value_evaluations": {**_EVALUATIONS, "currency_code": "varchar"},
    "return_risk_scores": {
        "business": "varchar",
        "order_key": "varchar",
        "line_no": "bigint",
        "customer_key": "varchar",
        "risk_score": "double",
        "is_above_threshold": "boolean",
        "top_reasons": "varchar",
        "reasons_en": "varchar",
        "reasons_zh": "varchar",
        "challenger_score": "double",
        "model_version": "varchar",
        "scored_at": "timestamptz",
    },
    "order_risk_scores": {
        "business": "varchar",
        "risk": "varchar",
        "order_key": "varchar",
        "order_no": "varchar",
        "parcel_no": "varchar",
        "gross_amount": "decimal(18,2)",
        "currency_code": "varchar",
        "risk_score": "double",
        "is_above_threshold": "boolean",
        "top_reasons": "varchar",
        "reasons_en": "varchar",
        "reasons_zh": "varchar",
        "challenger_score": "double",
        "model_version": "varchar",
        "decided_at": "timestamptz",
        "scored_at": "timestamptz",
    },
    "order_risk_days": {
        "business": "varchar",
        "risk": "varchar",
        "answered_on": "date",
        "model_version": "varchar",
        "in_use": "varchar",
        "challenger": "varchar",
        "threshold": "double",
        "answered_count": "bigint",
        "event_count": "bigint",
        "listed_count": "bigint",
        "hit_count": "bigint",
        "squared_error": "double",
        "challenger_listed_count": "bigint",
        "challenger_hit_count": "bigint",
        "challenger_squared_error": "double",
    },
    "model_versions": {
        "model": "varchar",
        "business": "varchar",
        "model_version": "varchar",
        "snapshot_id": "bigint",
        "code_version": "varchar",
        "learner": "varchar",
        "in_use": "varchar",
        "challenger": "varchar",
        "is_promoted": "boolean",
        "reason": "varchar",
        "report": "varchar",
        "registered_at": "timestamptz",
    },
    "learning_inputs": {
        "step": "varchar",
        "business": "varchar",
        "fingerprint": "varchar",
        "learnt_at": "timestamptz",
    },
    "demand_evaluations": _EVALUATIONS,
    "return_risk_evaluations": _EVALUATIONS,
    "order_risk_evaluations": _EVALUATIONS,
    "replenishment_positions": {
        "business": "varchar",
        "site": "varchar",
        "sku": "varchar",
        "business_date": "date",
        "on_hand": "bigint",
        "reserved": "bigint",
        "inbound": "bigint",
        "stock_position": "bigint",
        "lead_time_days": "integer",
        "expected_lead_time_demand": "double",
        "safety_stock": "double",
        "reorder_point": "double",
        "pack_size": "integer",
        "suggested_quantity": "bigint",
        "unit_cost": "decimal(18,6)",
        "suggested_amount": "decimal(18,2)",
        "currency_code": "varchar",
        "origin_date": "date",
        "review_period_days": "integer",
        "expected_review_demand": "double",
        "order_up_to": "double",
        "site_share": "double",
        "proposed": "bigint",
        "supplier_key": "varchar",
        "minimum_order_quantity": "bigint",
        "lead_time_spread_days": "double",
        "is_spike_guarded": "boolean",
        "lacking_quantity": "bigint",
        "dependent_quantity": "bigint",
        "transfer_in": "bigint",
        "transfer_out": "bigint",
        "held_back_quantity": "bigint",
        "held_back_reason": "varchar",
        "next_review_on": "date",
        "explanation_en": "varchar",
        "explanation_zh": "varchar",
    },
    "replenishment_transfers": {
        "business": "varchar",
        "sku": "varchar",
        "from_site": "varchar",
        "to_site": "varchar",
        "business_date": "date",
        "quantity": "bigint",
        "lacking_quantity": "bigint",
        "surplus_quantity": "bigint",
        "distance_km": "double",
        "transfer_cost": "decimal(18,2)",
        "purchase_cost": "decimal(18,2)",
        "saved_amount": "decimal(18,2)",
        "currency_code": "varchar",
        "explanation_en": "varchar",
        "explanation_zh": "varchar",
    },
    "work_orders": {
        "business": "varchar",
        "site": "varchar",
        "sku": "varchar",
        "business_date": "date",
        "level": "integer",
        "quantity": "bigint",
        "starts_on": "date",
        "finishes_on": "date",
        "wanted_on": "date",
        "days_late": "integer",
        "waits_for": "varchar",
        "explanation_en": "varchar",
        "explanation_zh": "varchar",
    },
    "component_requirements": {
        "business": "varchar",
        "site": "varchar",
        "sku": "varchar",
        "component_sku": "varchar",
        "business_date": "date",
        "product_quantity": "bigint",
        "required_quantity": "bigint",
        "needed_on": "date",
        "available_on": "date",
        "is_short": "boolean",
    },
    "order_store_distances": {
        "business": "varchar",
        "channel": "varchar",
        "order_key": "varchar",
        "order_no": "varchar",
        "order_status": "varchar",
        "paid_at": "timestamptz",
        "store_site": "varchar",
        "distance_km": "decimal(9,3)",
        "has_stock": "boolean",
        "is_address_known": "boolean",
    },
    "pick_recalls": {
        "pick_decision_id": "varchar",
        "reservation_id": "varchar",
        "business": "varchar",
        "channel": "varchar",
        "order_key": "varchar",
        "order_no": "varchar",
        "line_no": "bigint",
        "site": "varchar",
        "sku": "varchar",
        "quantity": "bigint",
        "released_at": "timestamptz",
        "reason_en": "varchar",
        "reason_zh": "varchar",
    },
    "drop_shipments": {
        "drop_shipment_key": "varchar",
        "attempt": "bigint",
        "business": "varchar",
        "channel": "varchar",
        "order_key": "varchar",
        "line_no": "bigint",
        "order_no": "varchar",
        "sku": "varchar",
        "quantity": "bigint",
        "demanded_at": "timestamptz",
        "state": "varchar",
        "supplier_key": "varchar",
        "supplier_no": "varchar",
        "unit_price": "decimal(18,6)",
        "amount": "decimal(18,2)",
        "currency_code": "varchar",
        "decision_id": "varchar",
        "purchase_order_no": "varchar",
        "expected_on": "date",
        "business_date": "date",
        "recall_key": "varchar",
        "recall_reason": "varchar",
        "recall_decision_id": "varchar",
        "reason_en": "varchar",
        "reason_zh": "varchar",
        "explanation_en": "varchar",
        "explanation_zh": "varchar",
    },
    "line_allocations": {
        "business": "varchar",
        "order_key": "varchar",
        "line_no": "bigint",
        "order_no": "varchar",
        "channel": "varchar",
        "sku": "varchar",
        "site": "varchar",
        "from_site": "varchar",
        "quantity": "bigint",
        "decision": "varchar",
        "reservation_id": "varchar",
        "reserved_at": "timestamptz",
        "priority": "integer",
        "customer_segment": "varchar",
        "demanded_at": "timestamptz",
        "expected_on": "date",
        "distance_km": "double",
        "location_precision": "varchar",
        "unit_cost": "decimal(18,2)",
        "currency_code": "varchar",
        "business_date": "date",
        "explanation_en": "varchar",
        "explanation_zh": "varchar",
    },
}


def empty_frame(table: str) -> pd.DataFrame:
    """No rows, the table's columns."""
    return pd.DataFrame({name: pd.Series(dtype="object") for name in ML_TABLES[table]})


def write_ml_tables(settings: Settings, frames: Mapping[str, pd.DataFrame]) -> dict[str, int]:
    """Replace these tables of schema `ml` in one transaction; returns rows a table.

    Raises:
        KeyError: a frame lacks a column that its table declares.
    """
    return write_tables(settings, "ml", frames, {table: ML_TABLES[table] for table in frames})


def write_tables(
    settings: Settings,
    schema: str,
    frames: Mapping[str, pd.DataFrame],
    columns: Mapping[str, Mapping[str, str]],
) -> dict[str, int]:
    """Replace tables of one of the lake's schemas in one transaction; returns rows a table.

    Args:
        settings: which lake.
        schema: made when it is not there yet.
        frames: rows by table.
        columns: type of each column by table.

    Raises:
        KeyError: a frame lacks a column that its table declares.
    """
    with connect_writer(settings, purpose=f"{schema} ({', '.join(frames)})") as connection:
        connection.execute(f"create schema if not exists lake.{schema}")
        connection.execute("begin")
        for table, frame in frames.items():
            connection.register("frame_to_write", frame[list(columns[table])])
            select = ", ".join(
                f'"{name}"::{kind} as "{name}"' for name, kind in columns[table].items()
            )
            connection.execute(
                f"create or replace table lake.{schema}.{table} as "  # noqa: S608
                f"select {select} from frame_to_write"
            )
            connection.unregister("frame_to_write")
        connection.execute("commit")
    return {table: len(frame) for table, frame in frames.items()}
