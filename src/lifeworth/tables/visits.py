"""Visits: which products were touched in which order, and what came next, to judge rankings by."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import ibis
import pandas as pd

from lifeworth.tables.content import row_sum
from lifeworth.tables.errors import InputError, agreed
from lifeworth.tables.frames import refuse_columns, refuse_missing, refuse_twice

Unit = Literal["session", "basket", "cart", "customer"]

TOUCHED = {"visit_id": "str", "place": "int64", "product_id": "str", "kind": "str"}
"""Columns of `train` and `asked`."""

WANTED = {"visit_id": "str", "product_id": "str"}
"""Columns of `wanted`."""

WORTH = {"value_cents": "int64"}
"""Columns of `wanted` that are there where money is known."""

PLACED = ("visit_id", "place", "product_id")
ONCE = {"train": PLACED, "asked": PLACED, "wanted": ("visit_id", "product_id")}
"""Columns that name a row: together they are there once."""


@dataclass(frozen=True, kw_only=True)
class Visits:
    """Visits to learn from, the beginnings of others, and how those went on.

    Attributes
    ----------
    name
        Of the source.
    unit
        What a visit is: a session, whose places are clicks; a customer, whose places are clicks,
        too; a customer's baskets, whose places are baskets ("basket": the next is wanted; "cart":
        the last has begun, and what else is in it is wanted; there may be no baskets before it).
    train, asked
        visit_id, place (from 0, in order), product_id and kind (view, cart, buy), one row for each
        touch, sorted by visit and place. Of `asked` a model is told, and asked what comes next.
    wanted
        visit_id, product_id: what came next, one row or more for each visit of `asked`; and
        value_cents, what it was worth, where money is known.
    clusters
        By visit_id of `asked`: which of them are one session or customer, resampled together.
    cutoff
        First day that is not learnt from, or "as published".
    days
        Days in which all that was bought is wanted; None where it is the next place alone.
    products
        What was known of products then (`asof.products`), where the source is a store.
    graph
        Which products were bought together until then (`asof.product_graph`), where visits are
        carts of a store.
    value_is, currency
        Of value_cents.
    """

    name: str
    unit: Unit
    train: pd.DataFrame
    asked: pd.DataFrame
    wanted: pd.DataFrame
    clusters: pd.Series
    cutoff: str = "as published"
    days: int | None = None
    products: pd.DataFrame | None = None
    graph: pd.DataFrame | None = None
    value_is: Literal["hits", "margin", "revenue"] = "hits"
    currency: str = "none"

    @cached_property
    def asked_ids(self) -> pd.Index:
        """Return the visits that are asked about, in order."""
        return pd.Index(self.asked["visit_id"].unique())

    def content_hash(self) -> str:
        """Return a number for the content, which does not depend on the order of rows."""
        tables = (self.train, self.asked, self.wanted)
        total = sum(row_sum(ibis.memtable(t))["sum"] * (3**i) for i, t in enumerate(tables))
        return f"{total % 2**64:016x}"

    def first(self, visits: int) -> "Visits":
        """Return the same with the first `visits` of those that are asked about."""
        kept = self.asked_ids[:visits]
        return replace(
            self,
            asked=self.asked[self.asked["visit_id"].isin(kept)].reset_index(drop=True),
            wanted=self.wanted[self.wanted["visit_id"].isin(kept)].reset_index(drop=True),
        )


def checked_visits(visits: Visits) -> Visits:
    """Return `visits`, sorted, if nothing is missing and every question has an answer.

    Raises
    ------
    InputError
        Which column, visit or answer is missing.
    """
    parts = {"train": TOUCHED, "asked": TOUCHED, "wanted": WANTED}
    if "value_cents" in visits.wanted:
        parts["wanted"] = WANTED | WORTH
    for part, columns in parts.items():
        _refuse_holes(f"{visits.name}: {part}", getattr(visits, part), list(columns))
    made = {
        part: getattr(visits, part)[list(columns)].astype(columns).reset_index(drop=True)
        for part, columns in parts.items()
    }
    _refuse_strays(visits.name, made["asked"], made["wanted"])
    for part, keys in ONCE.items():
        refuse_twice(f"{visits.name}: {part}", made[part], keys)
    for part in ("train", "asked"):
        frame = made[part]
        code = pd.factorize(frame["visit_id"])[0]
        order = frame.assign(code=code).sort_values(["code", "place"], kind="stable").index
        made[part] = frame.loc[order].reset_index(drop=True)
    return replace(visits, **made)


def _refuse_holes(where: str, frame: pd.DataFrame, columns: list[str]) -> None:
    refuse_columns(where, frame, columns)
    if frame.empty:
        raise InputError(f"{where}: there is no row; give the whole file")
    refuse_missing(where, frame, columns)


def _refuse_strays(name: str, asked: pd.DataFrame, wanted: pd.DataFrame) -> None:
    pairs = (("wanted", wanted, asked, "asked"), ("asked", asked, wanted, "wanted"))
    for one, frame, other, two in pairs:
        strange = frame.loc[~frame["visit_id"].isin(other["visit_id"]), "visit_id"]
        if len(strange):
            raise InputError(
                f"{name}: {agreed(strange.nunique(), 'visit', 'are', f'of {one}')} not in {two}, "
                f"first '{strange.iloc[0]}'; leave them out: what was not asked cannot be judged"
            )
