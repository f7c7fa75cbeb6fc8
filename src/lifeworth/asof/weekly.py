"""Purchases of each customer by period, counted back from the cut-off; what links customers."""

import numpy as np
from ibis import _
from jaxtyping import Int

from lifeworth.asof.split import History
from lifeworth.asof.summary import TICKS_PER_DAY, epoch_day, purchases


def periods(history: History, days: int) -> tuple[np.ndarray, Int[np.ndarray, "customers periods"]]:
    """Return customer_id (sorted) and purchases by period of so many days, the oldest first.

    The last period ends at the cut-off. Before the period of a customer's first purchase stands -1.
    """
    bought = purchases(history.tables, history.purchase)
    day = _["at"] // TICKS_PER_DAY[history.purchase]
    back = (epoch_day(history.cutoff) - 1 - day) // days
    counted = bought.mutate(back=back.cast("int64")).group_by("customer_id", "back")
    frame = counted.aggregate(n=_.count()).to_pandas()
    ids, customer = np.unique(frame["customer_id"].to_numpy(dtype=object), return_inverse=True)
    width = int(frame["back"].max()) + 1
    place = width - 1 - frame["back"].to_numpy(np.int64)
    counts = np.zeros((len(ids), width), dtype=np.int64)
    counts[customer, place] = frame["n"].to_numpy(np.int64)
    born = np.full(len(ids), width)
    np.minimum.at(born, customer, place)
    counts[np.arange(width) < born[:, None]] = -1
    return ids, counts
