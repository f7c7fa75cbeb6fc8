"""RetailRocket's raw log: every view, cart and purchase of four and a half months, cut by date."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

import ibis
import numpy as np
import pandas as pd
from ibis import _
from pydantic import Field as Bounds
from pydantic import PositiveFloat, PositiveInt
from pydantic.dataclasses import dataclass

from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.retailrocket import product_ids
from lifeworth.tables.sources.shape import STRICT
from lifeworth.tables.visits import Visits, checked_visits

Act = Literal["view", "addtocart", "transaction"]

EVENTS = {
    "at": Field("timestamp", "milliseconds"),
    "visitor": Field("visitorid", "count"),
    "act": Field("event", "text"),
    "item": Field("itemid", "count"),
}
PROPERTIES = {
    "at": Field("timestamp", "milliseconds"),
    "item": Field("itemid", "count"),
    "property": Field("property", "text"),
    "value": Field("value", "text"),
}
TREE = {"category": Field("categoryid", "text"), "parent": Field("parentid", "text")}

LOG = "retailrocket_events/events"

KINDS = {"view": "view", "addtocart": "cart", "transaction": "buy"}
"""Kinds of a touch by the file's words."""

DAY = 24 * 60 * 60 * 1000
"""Milliseconds."""

DEEPEST = 100
"""Levels of the tree of categories: there are six, and a circle has no end."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RetailrocketEvents:
    """Sessions of RetailRocket's shop from its raw log, and products with their categories.

    A session of a visitor ends where nothing follows within `gap_minutes`. Those that end before
    the last `days` days are learnt from; of those that begin in them every beginning is asked
    about, a visitor's together where intervals are drawn; those that lie across are left out. A row
    that is there twice counts once.

    Attributes
    ----------
    days
        Days at the end, by midnight UTC, whose sessions are asked about.
    gap_minutes
        Minutes without an act that end a session.
    acts
        Acts that count as touches: view, addtocart, transaction.
    least
        Touches of a product in the sessions to learn from, below which it is left out of them.
        Nothing is left out of the later ones: what was never seen before counts as a miss.
    """

    about: ClassVar[About] = About(
        name="retailrocket_events",
        what="the raw log of an online shop, 1.4 million visitors, 235,000 products; to rank",
        files={"events": "timestamp, visitorid, event, itemid"},
        where="the Kaggle data set retailrocket/ecommerce-dataset",
        terms="CC BY-NC-SA 4.0: not for commercial use",
        convert="none needed; item_properties_part1, item_properties_part2 (timestamp, itemid, "
        "property, value) and category_tree (categoryid, parentid) are read where they are there",
    )
    folder: str | None = None
    days: PositiveInt = 7
    gap_minutes: PositiveFloat = 30.0
    acts: Annotated[tuple[Act, ...], Bounds(min_length=1)] = ("view",)
    least: PositiveInt = 5

    def load(self, latest: datetime | None = None) -> Visits:
        """Return the visits.

        Raises
        ------
        InputError
            If a file is not there or not as it should be, or no session is left on either side.
        """
        del latest  # the file says when it ends
        path = self.about.find(self.folder, "events")
        acts = read_columns(path, {f.column: f.kind for f in EVENTS.values()})
        acts = acts.rename(columns={field.column: name for name, field in EVENTS.items()})
        _refuse_words(path.name, acts)
        whole = self._sessions(acts.drop_duplicates())
        touches = whole[whole["kind"].isin([KINDS[act] for act in self.acts])]
        if touches.empty:
            raise InputError(
                f"{LOG}: there is no {', '.join(self.acts)}; give the whole log, or other data.acts"
            )
        cutoff = (int(whole["at"].max()) // DAY + 1 - self.days) * DAY
        ends = touches.groupby("visit_id")["at"].agg(["min", "max"])
        before, after = ends.index[ends["max"] < cutoff], ends.index[ends["min"] >= cutoff]
        train = _frequent(touches[touches["visit_id"].isin(before)], self.least)
        later = _several(touches[touches["visit_id"].isin(after)])
        if train.empty or later.empty:
            raise InputError(
                f"{LOG}: {train['visit_id'].nunique():,} sessions to learn from and "
                f"{later['visit_id'].nunique():,} to ask about, of two touches or more; give more "
                "of the log, or other data.days, data.least"
            )
        asked, wanted, whose = _beginnings(later)
        day = np.datetime64(cutoff, "ms").astype("datetime64[D]")
        return checked_visits(
            Visits(
                name="retailrocket_events",
                unit="session",
                train=train,
                asked=asked,
                wanted=wanted,
                clusters=whose,
                cutoff=str(day),
                products=self._products(cutoff),
            )
        )

    def _sessions(self, acts: pd.DataFrame) -> pd.DataFrame:
        """Return visit_id, place, product_id, kind, at and visitor, sessions as they end."""
        acts = acts.sort_values(["visitor", "at", "item"], kind="stable", ignore_index=True)
        gap = acts.groupby("visitor")["at"].diff()
        new = gap.isna() | (gap > self.gap_minutes * 60_000)
        number = new.groupby(acts["visitor"]).cumsum()
        visit = acts["visitor"].astype(str).str.zfill(7) + "-" + number.astype(str).str.zfill(4)
        found = pd.DataFrame({
            "visit_id": visit,
            "product_id": product_ids(acts["item"]),
            "kind": acts["act"].map(KINDS),
            "at": acts["at"],
            "visitor": acts["visitor"],
            "end": acts.groupby(visit)["at"].transform("max"),
        })  # fmt: skip
        found = found.sort_values(["end", "visit_id"], kind="stable", ignore_index=True)
        return found.assign(place=found.groupby("visit_id", sort=False).cumcount())

    def _products(self, cutoff: int) -> pd.DataFrame | None:
        """Return product_id, category, department (the top of its tree) and available, as known."""
        about, con = self.about, connect()
        stems = [f"item_properties_part{n}" for n in (1, 2)]
        paths = [path for stem in stems if (path := about.found(self.folder, stem)) is not None]
        if not paths:
            return None
        parts = [typed(path.name, read_file(con, path), PROPERTIES) for path in paths]
        known = ibis.union(*parts) if len(parts) > 1 else parts[0]
        told = known.filter(_.at < cutoff, _.item.notnull())
        own = told.filter(_.property.isin(["categoryid", "available"]))
        last = own.group_by("item", "property").aggregate(value=_.value.argmax(_.at)).to_pandas()
        wide = last.pivot(index="item", columns="property", values="value")
        wide = wide.reindex(columns=["categoryid", "available"])
        path = about.found(self.folder, "category_tree")
        tree = {} if path is None else _parents(typed(path.name, read_file(con, path), TREE))
        category = wide["categoryid"].fillna("")
        return pd.DataFrame({
            "product_id": product_ids(wide.index.to_series()).to_numpy(),
            "category": category.to_numpy(),
            "department": [_top(c, tree) for c in category],
            "available": (wide["available"] == "1").to_numpy(),
        })  # fmt: skip


def _refuse_words(name: str, acts: pd.DataFrame) -> None:
    odd = acts.loc[~acts["act"].isin(list(KINDS)), "act"]
    if len(odd):
        raise InputError(
            f"{name}: event is '{odd.iloc[0]}' in {len(odd):,} of {len(acts):,} rows, and is to be "
            f"one of {', '.join(KINDS)}; give the file as it was published"
        )


def _several(touches: pd.DataFrame) -> pd.DataFrame:
    """Return the touches of sessions that have two or more, places from 0."""
    size = touches.groupby("visit_id")["product_id"].transform("size")
    kept = touches[size > 1]
    return kept.assign(place=kept.groupby("visit_id", sort=False).cumcount())


def _frequent(touches: pd.DataFrame, least: int) -> pd.DataFrame:
    """Return touches of products that have so many, in sessions of two or more."""
    number = touches.groupby("product_id")["visit_id"].transform("size")
    return _several(touches[number >= least])


def _beginnings(later: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.Series]:
    """Return every beginning of the sessions, what comes next, and whose each is."""
    later = later.reset_index(drop=True)
    place = later["place"].to_numpy()
    next_ = np.flatnonzero(place > 0)
    ids = later["visit_id"].iloc[next_] + "/" + later["place"].iloc[next_].astype(str)
    number = place[next_]
    row = np.repeat(next_ - number, number) + _counted(number)
    asked = later.iloc[row].assign(visit_id=ids.repeat(number).to_numpy())
    wanted = pd.DataFrame({
        "visit_id": ids.to_numpy(),
        "product_id": later["product_id"].to_numpy()[next_],
    })  # fmt: skip
    return asked, wanted, pd.Series(later["visitor"].to_numpy()[next_], index=ids.to_numpy())


def _counted(number: np.ndarray) -> np.ndarray:
    """Return 0, 1, ... for each of the numbers, one after the other."""
    return np.arange(number.sum()) - np.repeat(np.cumsum(number) - number, number)


def _parents(tree: ibis.Table) -> dict[str, str]:
    frame = tree.to_pandas()
    known = frame[frame["parent"].notna()]
    return dict(zip(known["category"], known["parent"], strict=True))


def _top(category: str, parents: dict[str, str]) -> str:
    at = category
    for _level in range(DEEPEST):
        if at not in parents:
            return at
        at = parents[at]
    raise InputError(
        f"retailrocket_events/category_tree: category {category} is above itself; give the file "
        "as it was published"
    )
