"""Chances of what is shown against whether it came: reliability, and the calibration error."""

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float, Int
from scipy import special

from lifeworth.evaluate.bootstrap import Interval, Resampling, intervals

Chances = Float[np.ndarray, " shown"]
Outcomes = Bool[np.ndarray, " shown"]
Numbers = Int[np.ndarray, " shown"]

BINS = 10


def bins_of(chance: Chances, bins: int = BINS) -> Numbers:
    """Return the bin of each chance, from 0, the lowest: as many in each as ties allow.

    Edges are quantiles; equal chances are in one bin, so the order of rows does not matter, and
    there are fewer bins where many are equal.
    """
    edges = np.unique(np.quantile(chance, np.arange(1, bins) / bins))
    found = np.searchsorted(edges, chance, side="left")
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def reliability(chance: Chances, came: Outcomes, bins: int = BINS) -> pd.DataFrame:
    """Return, by bin of the chance, what was said and what came.

    Columns: bin (from 1, the lowest), shown (int), chance_mean, came_share, and low, high: the 90 %
    Wilson interval of came_share, as if all shown were independent.
    """
    table = _told(bins_of(chance, bins), chance, came)
    table.insert(0, "bin", np.arange(1, len(table) + 1))
    return table


def reliability_by(group: pd.Series, chance: Chances, came: Outcomes) -> pd.DataFrame:
    """Return the same by group, such as the category of what is shown.

    Columns: group, and those of `reliability` but bin; in the order of the groups. What is in no
    group (missing) is left out.
    """
    known = group.notna().to_numpy()
    codes, names = pd.factorize(group[known], sort=True)
    table = _told(codes.astype(np.int64), chance[known], came[known])
    table.insert(0, "group", np.asarray(names))
    return table


def _told(group: Numbers, chance: Chances, came: Outcomes) -> pd.DataFrame:
    shown = np.bincount(group)
    share = np.bincount(group, came.astype(float)) / shown
    z = special.ndtri(0.95)
    middle = (share + z**2 / (2 * shown)) / (1 + z**2 / shown)
    half = z / (1 + z**2 / shown) * np.sqrt(share * (1 - share) / shown + z**2 / (4 * shown**2))
    return pd.DataFrame(
        {
            "shown": shown,
            "chance_mean": np.bincount(group, chance) / shown,
            "came_share": share,
            "low": np.minimum(middle - half, share),  # they meet at 0 and 1, but for rounding
            "high": np.maximum(middle + half, share),
        }
    )


def calibration_error(chance: Chances, came: Outcomes, bins: int = BINS) -> float:
    """Return the expected calibration error: sum over bins of their share x |chance - share came|.

    Naeini, Cooper and Hauskrecht 2015, with bins of equal size (`bins_of`). It is above 0 also for
    right chances, by chance: about sqrt(p / n) for n shown in a bin, of which a share p came.
    """
    group = bins_of(chance, bins)
    return float(np.abs(np.bincount(group, chance - came)).sum() / len(chance))


def calibration_interval(
    chance: Chances, came: Outcomes, cluster: np.ndarray, resampling: Resampling
) -> Interval:
    """Return a percentile interval; the bins stay, rows of one cluster are drawn together.

    As of any distance it leans upward: a resample lies farther from right than the sample.
    """
    of, names = pd.factorize(cluster)
    group = bins_of(chance)
    shape = (len(names), int(group.max()) + 1)
    flat = of * shape[1] + group
    gap = np.bincount(flat, chance - came, shape[0] * shape[1]).reshape(shape)
    size = np.bincount(of, minlength=shape[0]).astype(float)

    def measured(weights: Float[np.ndarray, " clusters"]) -> dict[str, float]:
        return {"error": float(np.abs(weights @ gap).sum() / (weights @ size))}

    return intervals(measured, len(names), resampling)["error"]
