"""Cross-cutting policies of assets: the lake's pool, retries, freshness and owners."""

from datetime import timedelta

import dagster as dg

from connectors.errors import FourflowError, PermanentError

# One writing step at a time: dagster.yaml gives every pool one slot.
LAKE_POOL = "lake"

# What platforms push; whoever reads pushes comes after this asset.
INBOX_KEY = dg.AssetKey(["inbox", "pushes"])
PUSHES = "pushes"

RETRY_TRANSIENT = dg.RetryPolicy(
    max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)

DAILY_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)
)

OWNERS = {
    "platform": "team:data-platform",
    "analytics": "team:analytics",
    "science": "team:data-science",
    "operations": "team:operations",
}


def as_failure(error: FourflowError) -> dg.Failure:
    """The error as Dagster's failure, retried only when a retry can help."""
    return dg.Failure(description=str(error), allow_retries=not isinstance(error, PermanentError))
