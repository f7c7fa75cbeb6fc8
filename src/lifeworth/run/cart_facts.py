"""What is known of offers beside one cart: distraction, likeness to the hero, shipping, company."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from lifeworth.asof.product_graph import likeness
from lifeworth.run.outputs import GRAPH
from lifeworth.tables.errors import InputError

VERB = "lifeworth recommend"


def graph_of(folder: Path) -> pd.DataFrame | None:
    """Return which products were bought together, as the run left it; None where it did not."""
    path = folder / GRAPH
    return pd.read_parquet(path) if path.is_file() else None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A cart, and what it is known by.

    Attributes
    ----------
    distraction
        Of every offer of which nothing else is said.
    graph
        As `asof.product_graph` gives it; None where it is not known.
    """

    cart: tuple[str, ...]
    hero: str
    distraction: float | None
    graph: pd.DataFrame | None

    def of(self, products: pd.DataFrame, own: pd.DataFrame, by: str) -> pd.DataFrame:
        """Add the distraction, likeness to the hero, and whether a product ships with the cart.

        Parameters
        ----------
        own
            Products of the cart, as far as they are known.
        by
            "orders" where likeness is by what products are bought with.

        Raises
        ------
        InputError
            If something is not known that is needed.
        """
        made: dict[str, object] = {}
        if "distraction_risk" not in products:
            if self.distraction is None:
                raise InputError(
                    f"{VERB}: how likely an offer makes a customer leave the cart is not known; "
                    "give distraction=0.004, say, or products= a column distraction_risk"
                )
            made["distraction_risk"] = self.distraction
        if by == "orders":
            products = products.drop(columns="substitute_group", errors="ignore")
            made["cos_to_hero"] = self._by_orders(products["product_id"])
        self._refuse_unknown(products, own, given=list(made))
        main = own[own["product_id"] == self.hero]
        if "substitute_group" in products and "cos_to_hero" not in products:
            same = products["substitute_group"] == main["substitute_group"].iloc[0]
            made["cos_to_hero"] = same.astype(float)
        if "ship_group" in products and "ship_ok" not in products:
            groups = set(own["ship_group"])
            made["ship_ok"] = [groups <= {group} for group in products["ship_group"]]
        return products.assign(**made)

    def beside(self, offers: pd.DataFrame) -> pd.DataFrame:
        """Add with which product of the cart each offer was bought most often, where one was.

        bought_with, orders_together, times_chance (the shrunken lift); "", 0 and NaN where no pair
        is in the graph, which leaves out those of few orders.
        """
        if self.graph is None:
            return offers
        edges = self.graph[self.graph["product_id"].isin(self.cart)]
        most = edges.sort_values(["orders", "product_id"], ascending=[False, True])
        first = most.drop_duplicates("other_id").rename(
            columns={
                "product_id": "bought_with",
                "other_id": "product_id",
                "orders": "orders_together",
                "lift_shrunken": "times_chance",
            }
        )
        columns = ["product_id", "bought_with", "orders_together", "times_chance"]
        found = offers.merge(first[columns], on="product_id", how="left", validate="one_to_one")
        return found.fillna({"bought_with": "", "orders_together": 0}).astype(
            {"orders_together": "int64"}
        )

    def _by_orders(self, product_id: pd.Series) -> np.ndarray:
        if self.graph is None:
            raise InputError(
                f"{VERB}: likeness=orders needs {GRAPH}, which runs about carts leave; make the "
                "run again by lifeworth run experiment=basket_online_retail, or leave likeness out"
            )
        found = likeness(self.graph, self.hero)
        if found.empty:
            raise InputError(
                f"{VERB}: hero={self.hero} is in too few orders with any other product, so nobody "
                "knows what it is like; leave likeness=orders out"
            )
        return found.reindex(product_id).fillna(0.0).to_numpy()

    def _refuse_unknown(self, products: pd.DataFrame, own: pd.DataFrame, given: list[str]) -> None:
        """Refuse a cart of which it is not known what would replace it, or what ships with it."""
        there = set(own["product_id"])
        asked = {
            ("substitute_group", "cos_to_hero"): [self.hero],
            ("ship_group", "ship_ok"): self.cart,
        }
        for (group, instead), needed in asked.items():
            missing = [product for product in needed if product not in there]
            if group in products and instead not in (*products, *given) and missing:
                raise InputError(
                    f"{VERB}: products= has a {group}, and no row for {', '.join(missing)} of the "
                    "cart, so nobody knows which offers fit; add it, or leave the column out"
                )


def told_together(row: dict[Any, Any]) -> str:
    """Return with what an offer was bought, in words: 22423 in 132 orders, 4.1 x chance."""
    if not row["bought_with"]:
        return ""
    return (
        f"{row['bought_with']} in {row['orders_together']:,} orders, "
        f"{row['times_chance']:.2g} x chance"
    )
