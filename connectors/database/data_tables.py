"""Tables of what people and checks said of the data itself; part of `schema.py`."""

from sqlalchemy import BigInteger, Column, Date, Index, Table, Text

from connectors.database.column_types import Money, UtcDateTime, identity_type, json_type, metadata

# One row a decision of a person about a record in quarantine, append only: its newest row holds.
quarantine_decisions = Table(
    "quarantine_decisions",
    metadata,
    Column("decision_id", identity_type(), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("source_id", Text, nullable=False, index=True),
    # corrected, dropped or undone.
    Column("event", Text, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    # Of a correction: by header what the record holds and what it should; nothing personal.
    Column("changes", json_type(), nullable=False),
    Column("publication_id", Text, nullable=False),
)

# One row a day of an account, a file or a problem and check of it against the lake, append only:
# the newest row of each holds.
source_comparisons = Table(
    "source_comparisons",
    metadata,
    Column("comparison_id", identity_type(), primary_key=True, autoincrement=True),
    Column("source", Text, nullable=False),
    # The account, or the name of the file.
    Column("place", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("business_date", Date),
    Column("currency_code", Text, nullable=False),
    Column("there_count", BigInteger, nullable=False),
    Column("here_count", BigInteger, nullable=False),
    Column("there_amount", Money),
    Column("here_amount", Money),
    Column("differences", BigInteger, nullable=False),
    Column("not_read", BigInteger, nullable=False),
    # By kind (missing, gone, changed, outdated) the first numbers.
    Column("numbers", json_type(), nullable=False),
    Column("problem", Text),
    Column("checked_at", UtcDateTime, nullable=False, index=True),
)

# One row an order that was entered here. It goes to bronze as `record`; until a publication holds
# it, this row is what says that the customer owes it.
entered_orders = Table(
    "entered_orders",
    metadata,
    Column("order_key", Text, primary_key=True),
    Column("customer_key", Text, nullable=False),
    # placing: it may be on its way to bronze; placed: it is; cancelled.
    Column("state", Text, nullable=False, index=True),
    # Of what was asked for: the same order number with something else is refused.
    Column("request_hash", Text, nullable=False),
    Column("order_amount", Money, nullable=False),
    Column("currency_code", Text, nullable=False),
    Column("record", json_type(), nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_entered_orders_customer_key_state", "customer_key", "state"),
)

# One row an entry of a form that is kept as a document of our own; it goes to bronze as `record`.
form_entries = Table(
    "form_entries",
    metadata,
    # `<form>:<number>`.
    Column("entry_key", Text, primary_key=True),
    Column("form", Text, nullable=False),
    # entering: it may be on its way to bronze; entered: it is.
    Column("state", Text, nullable=False, index=True),
    # Of what was filled in: the same number with something else is refused.
    Column("entry_hash", Text, nullable=False),
    Column("record", json_type(), nullable=False),
    Column("entered_by", Text, nullable=False),
    Column("entered_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
