"""Tiers of customers by expected value, and what each tier is kept from."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd
from jaxtyping import Float, Int

from lifeworth.tables.errors import InputError

Customers = Float[np.ndarray, " customers"]
Labels = pd.Categorical | pd.Series
"""Names of tiers."""

TIERS = ("VIP", "High", "Med", "Low")
"""Tiers, the most valuable first."""

ASCENDING = TIERS[::-1]

QUANTILES = (0.90, 0.70, 0.40)
"""Store quantiles from which a customer is VIP, High, Med."""


def assign_tiers(
    expected_value: Customers, quantiles: Sequence[float] = QUANTILES
) -> pd.Categorical:
    """Return the tier of each customer, ordered from Low to VIP.

    With `quantiles` (.9, .7, .4) a customer is VIP if at least 90 % of the other customers are
    expected to bring strictly less, High from 70 %, Med from 40 %, else Low. Where no two values
    are equal this is expected_value >= P90 (and so on, P interpolated linearly as numpy does).
    Equal customers share a tier, the lower one where a cut falls among them: the many customers
    worth 0 of a store are Low even if 95 % are, and in a store of equals everybody is Low. Row
    order does not matter.

    Parameters
    ----------
    expected_value
        Any unit.
    quantiles
        Where VIP, High and Med begin: decreasing, inside (0, 1).

    Raises
    ------
    InputError
        If the quantiles are not so, or a value is not finite.
    """
    _check(expected_value, quantiles)
    below = np.searchsorted(np.sort(expected_value), expected_value, side="left")
    others = max(len(expected_value) - 1, 1)
    # The tolerance keeps the rounding of q * others (0.55 * 100 > 55) from moving a cut.
    starts = [q * others - 1e-9 * others for q in reversed(quantiles)]
    codes = np.searchsorted(starts, below, side="right")
    return _labels(codes)


def tier_floors(expected_value: Customers, tiers: Labels) -> tuple[float, float, float]:
    """Return the values above which customers are VIP, High, Med, as tiers were given before.

    Each is the highest value below the tier: a customer who is worth more would have been in it.

    Raises
    ------
    InputError
        If a label is no tier, or the numbers of customers differ.
    """
    codes = _codes(tiers)
    _same_length(codes, expected_value, "expected value")
    vip, high, med = (
        float(expected_value[codes < ASCENDING.index(name)].max(initial=-np.inf))
        for name in TIERS[:-1]
    )
    return vip, high, med


def tiers_above(expected_value: Customers, floors: Sequence[float]) -> pd.Categorical:
    """Return the tier of each customer by floors in money that were found before (`tier_floors`).

    Customers of the store they were found in get the tiers that they had: who is worth what the
    floor is, to 1e-9 of it, is in the lower tier, as all equals are.
    """
    starts = np.sort(np.asarray(floors, dtype=np.float64))
    starts *= 1.0 + 1e-9 * np.sign(starts)  # a value found again may differ in its last digits
    codes = np.searchsorted(starts, expected_value, side="left")
    return _labels(codes)


def guardrails(tiers: Labels, uplift: Customers | None = None) -> pd.DataFrame:
    """Return what each customer is kept from.

    tier; exclude_from_deep_blanket_promotions: a VIP, unless the promotion is known to pay (uplift
    > 0).

    Parameters
    ----------
    tiers
        As `assign_tiers` gives them.
    uplift
        Expected incremental margin of the promotion per customer, any unit. NaN, or None for all:
        unknown, and so not positive.

    Raises
    ------
    InputError
        If a label is no tier, or `uplift` has another number of customers.
    """
    codes = _codes(tiers)
    _same_length(codes, uplift, "uplift")
    pays = np.zeros(len(codes), dtype=bool) if uplift is None else uplift > 0
    vip = codes == ASCENDING.index("VIP")
    return pd.DataFrame(
        {"tier": _labels(codes), "exclude_from_deep_blanket_promotions": vip & ~pays}
    )


def tier_table(tiers: Labels, expected: Customers, actual: Customers | None = None) -> pd.DataFrame:
    """Return the size and the value of each tier, VIP first.

    Columns: tier, customers, share_of_customers, expected_value, share_of_expected, and with
    `actual` realised_value and share_of_realised. Values are sums in the unit given; a share of a
    total of 0 is 0. A tier without customers has a row of zeros.

    Raises
    ------
    InputError
        If a label is no tier, or the numbers of customers differ.
    """
    codes = _codes(tiers)
    sums = {"customers": np.bincount(codes, minlength=len(TIERS))}
    for name, values in (("expected", expected), ("realised", actual)):
        _same_length(codes, values, name)
        if values is not None:
            sums[name] = np.bincount(codes, weights=values, minlength=len(TIERS))
    columns: dict[str, pd.Categorical | np.ndarray] = {"tier": _labels(np.arange(len(TIERS)))}
    for name, sum_ in sums.items():
        columns[name if name == "customers" else f"{name}_value"] = sum_
        columns[f"share_of_{name}"] = sum_ / (sum_.sum() or 1)
    return pd.DataFrame(columns).iloc[::-1].reset_index(drop=True)


def _labels(codes: Int[np.ndarray, " customers"]) -> pd.Categorical:
    return pd.Categorical.from_codes(codes, categories=list(ASCENDING), ordered=True)


def _codes(tiers: Labels) -> Int[np.ndarray, " customers"]:
    labels = pd.Categorical(tiers)
    # A missing label has code -1, which takes the last entry: no tier either.
    codes = np.append(pd.Index(ASCENDING).get_indexer(labels.categories), -1)[labels.codes]
    odd = np.flatnonzero(codes < 0)
    if len(odd):
        raise InputError(
            f"tiers: {len(odd):,} of {len(codes):,} labels are no tier, first at row {odd[0]} "
            f"({labels[odd[0]]!r}); use {', '.join(TIERS)}"
        )
    return codes


def _check(expected_value: Customers, quantiles: Sequence[float]) -> None:
    cuts = (1.0, *quantiles, 0.0)
    if len(quantiles) != len(TIERS) - 1 or not all(a > b for a, b in pairwise(cuts)):
        raise InputError(
            f"tiers: quantiles are {tuple(quantiles)}; give {len(TIERS) - 1}, "
            f"for {', '.join(TIERS[:-1])}, decreasing and inside (0, 1)"
        )
    bad = np.flatnonzero(~np.isfinite(expected_value))
    if len(bad):
        raise InputError(
            f"tiers: {len(bad):,} of {len(expected_value):,} expected values are not finite, "
            f"first at row {bad[0]} ({expected_value[bad[0]]}); score these customers first"
        )


def _same_length(
    codes: Int[np.ndarray, " customers"], values: np.ndarray | None, name: str
) -> None:
    if values is not None and len(values) != len(codes):
        raise InputError(
            f"tiers: {len(codes):,} tiers but {len(values):,} values of {name}; "
            "give one for each customer"
        )
