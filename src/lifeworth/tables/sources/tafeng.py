"""Ta-Feng: baskets of a grocery; the last of each customer is held out."""

import hashlib
from datetime import datetime
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic.dataclasses import dataclass

from lifeworth.tables.frames import refuse_missing
from lifeworth.tables.reading import Field, connect, read_file, typed
from lifeworth.tables.sources.about import About
from lifeworth.tables.sources.shape import STRICT
from lifeworth.tables.visits import Visits, checked_visits

FIELDS = {name: Field(name, "count") for name in ("user", "basket", "item")}

WIDTH = 5
"""Digits of a product_id, so that ids sort as the numbers do."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Tafeng:
    """Baskets of 13,858 customers of a grocery; products are numbers, without a name or a price.

    `task` = "next": a customer's baskets but the last are known, the last is wanted. "attach": all
    of the last but one product is known, too, and that product is wanted: which one, a hash of the
    customer says, and customers with a last basket of one product are left out. Products a
    customer put in one basket keep the order of the file.
    """

    about: ClassVar[About] = About(
        name="tafeng_nbr",
        what="baskets of a grocery, 13,858 customers, 11,997 products; products to rank",
        files={"history": "user, basket, item", "future": "user, basket, item"},
        where="the Ta-Feng grocery data set, split as in A Next Basket Recommendation Reality Check"
        " (Li et al. 2023)",
        terms="none stated; released for research",
        convert="one row per product of a basket; the last basket of each user is the file future",
    )
    folder: str | None = None
    task: Literal["next", "attach"] = "next"

    def load(self, latest: datetime | None = None) -> Visits:
        """Return the baskets.

        Raises
        ------
        InputError
            If a file is not there or not as it should be.
        """
        del latest  # the split is a published one
        train, future = self._read("history"), self._read("future")
        asked, wanted = train, future
        if self.task == "attach":
            asked, wanted = _hide_one(train, future)
        ids = wanted["visit_id"].unique()
        return checked_visits(
            Visits(
                name=self.about.name,
                unit="cart" if self.task == "attach" else "basket",
                train=train,
                asked=asked,
                wanted=wanted[["visit_id", "product_id"]],
                clusters=pd.Series(np.arange(len(ids)), index=ids),
            )
        )

    def _read(self, stem: str) -> pd.DataFrame:
        raw = read_file(connect(), self.about.find(self.folder, stem))
        rows = typed(f"{self.about.name}/{stem}", raw, FIELDS).to_pandas()
        refuse_missing(f"{self.about.name}/{stem}", rows, list(FIELDS))
        return pd.DataFrame(
            {
                "visit_id": rows["user"].astype(str).str.zfill(WIDTH),
                "place": rows["basket"],
                "product_id": rows["item"].astype(str).str.zfill(WIDTH),
                "kind": "buy",
            }
        )


def _hide_one(train: pd.DataFrame, future: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what is known with one product of the last basket hidden, and those products."""
    rows = future.sort_values(["visit_id", "product_id"]).reset_index(drop=True)
    size = rows.groupby("visit_id")["product_id"].transform("size")
    number = rows.groupby("visit_id").cumcount()
    drawn = rows["visit_id"].map({v: _hash(v) for v in rows["visit_id"].unique()})
    hidden = number == drawn % size
    kept = rows[(size > 1) & ~hidden]
    after = train.groupby("visit_id")["place"].max() + 1
    cart = kept.assign(place=kept["visit_id"].map(after))
    before = train[train["visit_id"].isin(kept["visit_id"])]
    return pd.concat([before, cart], ignore_index=True), rows[(size > 1) & hidden]


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
