"""What was proposed and not ordered yet: it is on its way and must not be proposed again.

Orders that came after a proposal are taken to be its orders, the oldest proposal's first. With
A(t) the units ordered since t, and proposals q at times t(1) <= t(2) <= ..., what no order has met
is the backlog of that queue: max(0, max over k of q(k) + q(k+1) + ... - A(t(k))).
"""

import numpy as np
import pandas as pd

from models_ml.frames import FrameError, require_columns, require_values

PROPOSAL_COLUMNS = ("business", "site", "sku", "quantity", "ordered_since")
_KEY = ["business", "site", "sku"]


def open_proposals(proposals: pd.DataFrame) -> pd.DataFrame:
    """Units of each site and SKU that were proposed and that no order has met.

    Args:
        proposals: one row a proposal that nobody rejected, the oldest of a site and SKU first;
            `quantity` proposed (all of a site and SKU come, or all leave and are negative),
            `ordered_since` the units ordered for the site and SKU since the proposal was made.

    Returns:
        One row a business, site and SKU: `quantity`.

    Raises:
        FrameError: a missing column or value, or a site and SKU with both directions.
    """
    require_columns(proposals, PROPOSAL_COLUMNS, name="proposals")
    require_values(proposals, PROPOSAL_COLUMNS, name="proposals")
    signs = np.sign(proposals["quantity"].to_numpy(dtype=float))
    mixed = proposals.assign(sign=signs).groupby(_KEY)["sign"].transform("nunique") > 1
    if mixed.any():
        raise FrameError(
            f"The frame proposals has {int(mixed.sum())} rows of sites that both gain and give an "
            "article; pass the two apart.",
            proposals[mixed],
        )
    if proposals.empty:
        return pd.DataFrame(columns=[*_KEY, "quantity"])
    rows = [
        (*key, _backlog(group)) for key, group in proposals.groupby(_KEY, sort=True, dropna=False)
    ]
    return pd.DataFrame(rows, columns=[*_KEY, "quantity"])


def _backlog(group: pd.DataFrame) -> int:
    units = group["quantity"].to_numpy(dtype=np.int64)
    since = np.floor(np.maximum(group["ordered_since"].to_numpy(dtype=np.float64), 0.0))
    waiting = np.cumsum(np.abs(units)[::-1])[::-1] - since.astype(np.int64)
    return max(int(waiting.max()), 0) * (-1 if units[0] < 0 else 1)
