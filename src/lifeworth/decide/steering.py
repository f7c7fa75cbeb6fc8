"""What moves when a penalty moves: margin, purchases, low stock and coverage of the best lists."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Int

from lifeworth.decide.rerank import ListCaps, Penalties, rerank
from lifeworth.tables.errors import InputError

Numbers = Int[np.ndarray, " _"]

NAMES = tuple(field.name for field in fields(Penalties))
TIMES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
"""Of the value in use, unless values are given."""

FROM_ZERO = {"alpha": 1.0, "beta": 1.0, "return_cents": 500.0, "empty_cents": 1_000.0}
"""What is multiplied where the value in use is 0."""

VISITS = 2_000
"""Lists are made again for each value, for so many visits at most."""


def values_of(penalties: Penalties, name: str) -> tuple[float, ...]:
    """Return the values that are tried unless told: the one in use, and some around it.

    Raises
    ------
    InputError
        If there is no such penalty.
    """
    if name not in NAMES:
        raise InputError(f"steering: there is no penalty '{name}'; there are {', '.join(NAMES)}")
    now = float(getattr(penalties, name))
    unit = now or FROM_ZERO.get(name, 1.0)
    tried = {times * unit for times in TIMES if times or name != "stock_cover_days"}
    return tuple(sorted(tried | {now}))


def steer(
    candidates: pd.DataFrame,
    penalties: Penalties,
    caps: ListCaps,
    name: str,
    values: Sequence[float] | None = None,
) -> pd.DataFrame:
    """Return what the best lists bring at each value of one penalty, the others as they are.

    Parameters
    ----------
    candidates
        As `rerank` takes them; `wanted` (whether it came next) if known.
    name
        Of the penalty.
    values
        To try; those of `values_of` if None.

    Returns
    -------
    pd.DataFrame
        A row for each value, rising: value; in_use; net_cents (expected margin per visit, less that
        of returns and their cost, no weights in it); purchases (expected per visit); hit_rate
        (chance that a list has a purchase at least, purchases of its products independent);
        wanted_rate (share of visits whose list has what came next; NaN if not known); shown
        (products per visit); low_stock (share of what is shown whose cover is below the
        penalties' in use); short_units (expected purchases beyond the stock of their product; NaN
        if not known); coverage (share of the candidates' products that any list shows).

    Raises
    ------
    InputError
        If there is no such penalty, or a value is none.
    """
    tried = values_of(penalties, name) if values is None else tuple(sorted({*values}))
    if not tried or name not in NAMES:
        values_of(penalties, name)
        raise InputError("steering: there are no values; give at least one")
    some = sample(candidates)
    rows = [
        {"value": float(value), "in_use": bool(value == getattr(penalties, name))}
        | _brought(rerank(some, replace(penalties, **{name: float(value)}), caps), penalties)
        for value in tried
    ]
    return pd.DataFrame(rows)


def sample(candidates: pd.DataFrame, visits: int = VISITS) -> pd.DataFrame:
    """Return the candidates of so many visits at most, taken at even steps of their ids."""
    ids = np.sort(candidates["visit_id"].unique().astype(str))
    if len(ids) <= visits:
        return candidates
    kept = ids[np.linspace(0, len(ids) - 1, visits).astype(int)]
    own = np.flatnonzero(np.isin(candidates["visit_id"].to_numpy().astype(str), kept))
    return candidates.take(own).reset_index(drop=True)


def _brought(found: pd.DataFrame, now: Penalties) -> dict[str, Any]:
    visit, visits = pd.factorize(found["visit_id"])
    product, products = pd.factorize(found["product_id"])
    own = np.flatnonzero(found["rank"].to_numpy() > 0)
    visit, product, n = visit[own], product[own], len(visits)
    p, m, r, cover = (
        found[name].to_numpy(dtype=np.float64)[own]
        for name in ("p_purchase", "margin_cents", "return_rate", "stock_cover_days")
    )
    none = np.bincount(visit, np.log1p(-np.minimum(p, 1 - 1e-15)), n)
    asked = np.bincount(product, p, len(products))
    return {
        "net_cents": float((p * (m - r * (m + now.return_cents))).sum() / n),
        "purchases": float(p.sum() / n),
        "hit_rate": float(-np.expm1(none).sum() / n),
        "wanted_rate": _wanted(found, own, visit, n),
        "shown": len(own) / n,
        "low_stock": float((cover < now.stock_cover_days).mean()) if len(own) else 0.0,
        "short_units": _short(found, asked),
        "coverage": len(np.unique(product)) / len(products),
    }


def _wanted(found: pd.DataFrame, own: Numbers, visit: Numbers, visits: int) -> float:
    if "wanted" not in found:
        return float("nan")
    hit = found["wanted"].to_numpy(dtype=np.bool_)[own]
    return len(np.unique(visit[hit])) / visits


def _short(found: pd.DataFrame, asked: np.ndarray) -> float:
    """Return purchases expected over all visits beyond what is there of their products."""
    if "stock_units" not in found:
        return float("nan")
    there = np.full(len(asked), np.inf)
    stock = found["stock_units"].to_numpy(dtype=np.float64)
    np.minimum.at(there, pd.factorize(found["product_id"])[0], stock)
    return float(np.maximum(asked - there, 0.0).sum())
