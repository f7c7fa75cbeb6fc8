"""RetailRocket: views of an online shop, as sessions (COTREC's split) or by customer."""

import itertools
import re
from datetime import datetime
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic.dataclasses import dataclass

from lifeworth.tables.frames import numbers, refuse_columns, refuse_missing
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.shape import STRICT
from lifeworth.tables.visits import Visits, checked_visits

EVENTS = {n: Field(n, "count") for n in ("session", "pos", "item")}
ACTS = {n: Field(n, "count") for n in ("user", "item", "ts")} | {"kind": Field("behavior", "text")}
BUYS = {n: Field(n, "count") for n in ("user", "item")}

WIDTH = 6
"""Digits of a product_id, so that ids sort as the numbers do."""

SESSIONS = About(
    name="retailrocket_sessions",
    what="",
    files={"train_events": "session, pos, item", "test_prefix_target": "prefix, target"},
    where="the Kaggle data set retailrocket/ecommerce-dataset, split as in COTREC (Xia et al."
    " 2021)",
    terms="CC BY-NC-SA 4.0: not for commercial use",
    convert="one row per view and one per beginning of a test session; prefix is a list of items",
)

CUSTOMERS = About(
    name="retailrocket_multibehavior",
    what="",
    files={"train_events": "user, item, behavior, ts", "test_buy": "user, item"},
    where=SESSIONS.where.split(",")[0] + ", customers who buy (Xia et al. 2022)",
    terms=SESSIONS.terms,
    convert="one row per act; one purchase per user is held out",
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Retailrocket:
    """Who viewed what at RetailRocket's shop; products are numbers, without a name or a price.

    `which` = "sessions": 126,168 sessions of 36,968 products to learn from, and 15,132 beginnings
    of later sessions with the product viewed next. Sessions have an order and no dates; beginnings
    of one session are one cluster. "customers": 97,381 acts (view, cart, buy) of 2,174 customers,
    of each of whom one purchase is held out, with all that the customer did to that product. When
    it was made is not known, so acts after it may be among those a model is told of.
    """

    about: ClassVar[About] = About(
        name="retailrocket",
        what="views of an online shop, 126,168 sessions or 2,174 customers; products to rank",
        files=SESSIONS.files,
        where=SESSIONS.where,
        terms=SESSIONS.terms,
        convert=SESSIONS.convert + "; in a folder retailrocket_sessions",
    )
    folder: str | None = None
    which: Literal["sessions", "customers"] = "sessions"

    def load(self, latest: datetime | None = None) -> Visits:
        """Return the visits.

        Raises
        ------
        InputError
            If a file is not there or not as it should be.
        """
        del latest  # the split is a published one
        return _sessions(self.folder) if self.which == "sessions" else _customers(self.folder)


def _read(about: About, folder: str | None, stem: str, fields: dict[str, Field]) -> pd.DataFrame:
    raw = read_file(connect(), about.find(folder, stem))
    frame = typed(f"{about.name}/{stem}", raw, fields).to_pandas()
    refuse_missing(f"{about.name}/{stem}", frame, list(fields))
    return frame


def product_ids(items: pd.Series) -> pd.Series:
    """Return ids that sort as the numbers do."""
    return items.astype("int64").astype(str).str.zfill(WIDTH)


def _sessions(folder: str | None) -> Visits:
    events = _read(SESSIONS, folder, "train_events", EVENTS).sort_values(["session", "pos"])
    train = pd.DataFrame(
        {
            "visit_id": events["session"].astype(str).to_numpy(),
            "place": events["pos"].to_numpy(),
            "product_id": product_ids(events["item"]).to_numpy(),
            "kind": "view",
        }
    )
    path = SESSIONS.find(folder, "test_prefix_target")
    tests = read_file(connect(), path).to_pandas()
    refuse_columns(path.name, tests, ["prefix", "target"])
    refuse_missing(path.name, tests, ["prefix", "target"])
    targets = pd.Series(numbers(path.name, tests, "target"))
    prefixes = [_numbers(p) for p in tests["prefix"]]
    ids = pd.Series([f"{n:06d}" for n in range(len(prefixes))])
    lengths = np.array([len(p) for p in prefixes])
    asked = pd.DataFrame(
        {
            "visit_id": ids.repeat(lengths).to_numpy(),
            "place": np.concatenate([np.arange(n) for n in lengths]),
            "product_id": product_ids(pd.Series(np.concatenate(prefixes))).to_numpy(),
            "kind": "view",
        }
    )
    wanted = pd.DataFrame({"visit_id": ids, "product_id": product_ids(targets)})
    clusters = pd.Series(_same_session(prefixes), index=ids)
    return checked_visits(
        Visits(
            name=SESSIONS.name,
            unit="session",
            train=train,
            asked=asked,
            wanted=wanted,
            clusters=clusters,
        )
    )


def _numbers(prefix: object) -> np.ndarray:
    """Return the items of a beginning: a list in Parquet, text in CSV."""
    told = re.findall(r"\d+", prefix) if isinstance(prefix, str) else prefix
    return np.asarray(told, dtype=np.int64)


def _same_session(prefixes: list[np.ndarray]) -> np.ndarray:
    """Return a number for each session: a beginning follows the one that is an item longer."""
    pairs = itertools.pairwise(prefixes)
    new = [not np.array_equal(longer[:-1], shorter) for longer, shorter in pairs]
    return np.cumsum([0, *new])


def _customers(folder: str | None) -> Visits:
    acts = _read(CUSTOMERS, folder, "train_events", ACTS)
    last = acts.groupby("user")["ts"].transform("max")  # visits in the order in which they end
    order = acts.assign(last=last).sort_values(["last", "user", "ts"], kind="stable").index
    acts = acts.loc[order]
    buys = _read(CUSTOMERS, folder, "test_buy", BUYS)
    train = pd.DataFrame(
        {
            "visit_id": product_ids(acts["user"]).to_numpy(),
            "place": acts.groupby("user").cumcount().to_numpy(),
            "product_id": product_ids(acts["item"]).to_numpy(),
            "kind": acts["kind"].to_numpy(),
        }
    )
    bought = product_ids(buys["user"]), product_ids(buys["item"])
    wanted = pd.DataFrame(dict(zip(("visit_id", "product_id"), bought, strict=True)))
    known = wanted[wanted["visit_id"].isin(train["visit_id"])].reset_index(drop=True)
    asked = train[train["visit_id"].isin(known["visit_id"])]
    ids = asked["visit_id"].unique()
    return checked_visits(
        Visits(
            name=CUSTOMERS.name,
            unit="customer",
            train=train,
            asked=asked,
            wanted=known,
            clusters=pd.Series(np.arange(len(ids)), index=ids),
        )
    )
