"""What to offer beside a cart, and whether to offer anything: the guardrail of the checkout.

An offer i brings d_i = p_attach x margin. It distracts, and costs lambda times its distraction,
where lambda = p_base x margin of the order at stake. Shown are the offers whose total of d - lambda
x distraction is the greatest, within the size and the cap per category. That alone keeps the
guardrail, sum(d) - lambda sum(distraction) > 0, since an offer that is worth less than it costs is
never shown. Where distraction is uncertain, the guardrail takes its upper ends: fewer are shown,
then none.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.sparse as sp
from jaxtyping import Float, Int
from scipy.optimize import Bounds, LinearConstraint, milp

from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import numbers, refuse_columns, refuse_missing, refuse_twice

COLUMNS = ("product_id", "margin_cents", "p_attach", "distraction_risk")
KNOWN = ("category", "cos_to_hero", "ship_ok", "stock_units")
"""Columns that may be absent, and that have all values where they are there."""

SHARES = ("p_attach", "distraction_risk", "distraction_high")

SUBSTITUTE, UNSHIPPABLE = "substitute", "cannot ship together"
OUT_OF_STOCK, COSTLY = "out of stock", "costs more than it brings"
CATEGORY, LIST, GUARDRAIL = "category is full", "list is full", "guardrail"

Row = Float[np.ndarray, " offers"]
Numbers = Int[np.ndarray, " offers"]

STRICT = 1e-9
"""By how much of all that offers bring the guardrail is to be above 0."""


@dataclass(frozen=True, kw_only=True)
class CartRules:
    """What may be offered beside a cart.

    Attributes
    ----------
    size, per_category
        Most offers, and most of one category (None for no cap).
    p_base, order_cents
        Chance that the cart is bought without offers, and the margin of the order then: lambda.
    substitute_above
        Likeness (cosine) to the main product of the cart from which on an offer would replace it.
    """

    size: int
    p_base: float
    order_cents: float
    per_category: int | None = None
    substitute_above: float = 0.8

    def __post_init__(self) -> None:
        limits = {"size": self.size, "per_category": self.per_category}
        low = [f"{name} = {most}" for name, most in limits.items() if most is not None and most < 1]
        if low:
            raise InputError(f"cart: {low[0]}; it must be 1 or more")
        if not 0 <= self.p_base <= 1 or not 0 <= self.order_cents < np.inf:
            raise InputError(
                f"cart: p_base = {self.p_base:g}, order_cents = {self.order_cents:g}; p_base must "
                "be in [0, 1], order_cents a finite number, 0 or more"
            )

    @property
    def price(self) -> float:
        """Return lambda, what a certain distraction would cost."""
        return self.p_base * self.order_cents


@dataclass(frozen=True, kw_only=True)
class Offered:
    """What is offered beside a cart.

    Attributes
    ----------
    frame
        The candidates given, shown ones first, and delta_gm_cents - distraction_cents = net_cents,
        rank (from 1; 0 if not shown), dropped_by ("" if shown).
    gain_cents, distraction_cents
        Of what is shown.
    guard_cents
        What the guardrail says: above 0 if anything is shown, otherwise 0.
    """

    frame: pd.DataFrame
    gain_cents: float
    distraction_cents: float
    guard_cents: float

    @property
    def show(self) -> bool:
        """Say whether anything is shown."""
        return bool((self.frame["rank"] > 0).any())

    @property
    def net_cents(self) -> float:
        """Return what is gained after the distraction."""
        return self.gain_cents - self.distraction_cents


def complete(candidates: pd.DataFrame, rules: CartRules) -> Offered:
    """Return what to offer beside a cart: the best there is within the rules, or nothing.

    Parameters
    ----------
    candidates
        product_id, margin_cents, p_attach, distraction_risk (chance that the cart is abandoned
        because of it); and, if known, category, cos_to_hero, ship_ok, stock_units, and
        distraction_high, an upper end of distraction_risk that the guardrail is to stand.

    Raises
    ------
    InputError
        If a column or a value is missing, a number is not one, or a product is there twice.
    """
    _check(candidates, rules)
    frame = candidates.sort_values("product_id", ignore_index=True)
    gain, risk, high = _numbers(frame)
    net, guard = gain - rules.price * risk, gain - rules.price * high
    why = excluded(frame, rules)
    why = np.where((why == "") & (net <= 0), COSTLY, why)
    free = np.flatnonzero(why == "")
    group = _groups(frame, rules)
    limits = _Limits(rules.size, rules.per_category or len(frame) + 1)
    best = free[_best(net[free], group[free], limits)]
    rows = best
    if len(best) and guard[best].sum() <= 0:
        rows = free[_guarded(net[free], guard[free], group[free], limits)]
    rows = rows[np.argsort(-gain[rows], kind="stable")]
    rank = np.zeros(len(frame), dtype=np.int64)
    rank[rows] = np.arange(1, len(rows) + 1)
    why = np.where((why == "") & (rank == 0), _reasons(rank > 0, group, limits), why)
    found = frame.assign(
        delta_gm_cents=gain,
        distraction_cents=rules.price * risk,
        net_cents=net,
        rank=rank,
        dropped_by=why,
    )
    order = np.lexsort((-net, np.where(rank > 0, rank, len(rank) + 1)))
    return Offered(
        frame=found.iloc[order].reset_index(drop=True),
        gain_cents=float(gain[rows].sum()),
        distraction_cents=float(rules.price * risk[rows].sum()),
        guard_cents=float(guard[rows].sum()),
    )


class _Limits(NamedTuple):
    size: int
    category: int


def _numbers(frame: pd.DataFrame) -> tuple[Row, Row, Row]:
    """Return what each offer brings, its distraction, and the upper end of that."""
    margin, attach, risk = (frame[c].to_numpy(dtype=np.float64) for c in COLUMNS[1:])
    named = "distraction_high" in frame
    high = frame["distraction_high"].to_numpy(dtype=np.float64) if named else risk
    return attach * margin, risk, high


def excluded(frame: pd.DataFrame, rules: CartRules) -> np.ndarray:
    """Return why an offer may not be shown at all, "" where it may; by what is known (`KNOWN`)."""
    why = np.full(len(frame), "", dtype=object)
    if "stock_units" in frame:
        why[frame["stock_units"].to_numpy(dtype=np.float64) <= 0] = OUT_OF_STOCK
    if "ship_ok" in frame:
        why[~frame["ship_ok"].to_numpy(dtype=np.bool_)] = UNSHIPPABLE
    if "cos_to_hero" in frame:
        why[frame["cos_to_hero"].to_numpy(dtype=np.float64) >= rules.substitute_above] = SUBSTITUTE
    return why


def _groups(frame: pd.DataFrame, rules: CartRules) -> Numbers:
    if rules.per_category is None:
        return np.zeros(len(frame), dtype=np.int64)
    return pd.factorize(frame["category"])[0].astype(np.int64)


def _best(net: np.ndarray, group: np.ndarray, limits: _Limits) -> np.ndarray:
    """Return the rows of the greatest total: a laminar matroid, so the best come first."""
    order = np.argsort(-net, kind="stable")
    number = pd.Series(group[order]).groupby(group[order]).cumcount().to_numpy()
    return order[number < limits.category][: limits.size]


def _guarded(net: np.ndarray, guard: np.ndarray, group: np.ndarray, limits: _Limits) -> np.ndarray:
    """Return the rows of the greatest total whose guard is above 0, none if there are none.

    A knapsack with a price, solved exactly by HiGHS; it is needed only where the best list without
    the guard does not keep it.
    """
    n = len(net)
    if not (guard > 0).any():
        return np.zeros(0, dtype=np.int64)
    least = STRICT * float(np.abs(guard).sum())
    member = sp.csr_array((np.ones(n), (group, np.arange(n))))
    rows = sp.vstack([sp.csr_array(np.ones((1, n))), member, sp.csr_array(-guard[None, :])])
    upper = np.r_[limits.size, np.full(int(group.max()) + 1, limits.category), -least]
    found = milp(
        -net,
        constraints=LinearConstraint(sp.csr_array(rows), ub=upper),
        integrality=np.ones(n),
        bounds=Bounds(0, 1),
        options={"mip_rel_gap": 0.0},
    )
    if found.x is None:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(found.x > 0.5)


def _reasons(shown: np.ndarray, group: Numbers, limits: _Limits) -> np.ndarray:
    """Return what keeps out an offer that may be shown: a limit, or else the guardrail."""
    held = np.bincount(group[shown], minlength=int(group.max(initial=0)) + 1)[group]
    why = np.full(len(group), GUARDRAIL, dtype=object)
    if shown.sum() >= limits.size:
        why[:] = LIST
    why[held >= limits.category] = CATEGORY
    return why


def _check(candidates: pd.DataFrame, rules: CartRules) -> None:
    needed = [*COLUMNS, *(["category"] if rules.per_category is not None else [])]
    refuse_columns("cart", candidates, needed)
    refuse_missing(
        "cart",
        candidates,
        ["product_id", *(n for n in KNOWN if n in candidates)],
        ["product_id"],
        "fill them in, or leave out a column of which not all is known",
    )
    refuse_twice("cart", candidates, ["product_id"])
    for name in ("stock_units", "cos_to_hero"):
        if name in candidates:
            numbers("cart", candidates, name, ["product_id"])
    for name in (*COLUMNS[1:], "distraction_high"):
        if name not in candidates:
            continue
        value = numbers("cart", candidates, name, ["product_id"])
        bad = ~np.isfinite(value) | ((name in SHARES) & ((value < 0) | (value > 1)))
        if bad.any():
            first = candidates.iloc[int(bad.argmax())]
            raise InputError(
                f"cart: {int(bad.sum())} of {len(value)} offers have no usable {name}, first "
                f"'{first['product_id']}', {first[name]}; leave it out, or correct it"
            )
