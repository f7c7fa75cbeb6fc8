"""What to offer beside one cart, by a model of carts that a run left, under the guardrail."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.asof.baskets import Trails, trails
from lifeworth.decide.basket import KNOWN, CartRules, Offered, complete, excluded
from lifeworth.models.ranking import Ranks, rank
from lifeworth.models.store import load
from lifeworth.report.grids import Cell, Grid
from lifeworth.report.terminal import print_grid
from lifeworth.report.wording import counted, money, share, significant
from lifeworth.run.cart_facts import VERB, Facts, graph_of, told_together
from lifeworth.run.finished import card_of_chances
from lifeworth.run.list_words import Sized
from lifeworth.run.outputs import PRODUCTS
from lifeworth.run.words import Names
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError

CART = """
Beside a cart (cart=...), an offer brings chance x margin_cents, and distracts: it costs
distraction_risk x p_base x order_cents. What brings the most is shown, if it brings more than the
distraction costs. products= may be left out where the run's store says what products bring; a file
needs product_id and margin_cents, and may have category, name, stock_units, distraction_risk and
distraction_high (an upper end, which the guardrail is to stand); substitute_group: an offer of the
hero's group would replace it; ship_group: an offer ships with a cart of its own group alone; or,
where it was made for this cart, cos_to_hero (likeness, 0 to 1) and ship_ok. likeness=orders takes
for likeness the cosine of what products are bought with: of lunch bags, the other lunch bags; leave
it out where customers buy several of a kind. What is not in the file is not offered. hide products
of a cart were hidden when the run's chances were learnt: a chance is of being among as many."""

KINDS = {
    **dict.fromkeys(("category", "name", "substitute_group", "ship_group"), "text"),
    **dict.fromkeys(("stock_units", "distraction_risk", "distraction_high"), "number"),
    "cos_to_hero": "number",
    "ship_ok": "truth",
}
"""Columns that a file of products may have."""

WORDS = ("Product", "Name", "Not shown because", "Bought with")
"""Columns of the table that hold words."""

PRINTED = 12
"""Offers that are not shown and are printed with their reason."""


class CartWords(Sized):
    """The cart, what is known of it, and what may be shown."""

    products: str | None = Field(
        None, description="CSV or Parquet file of products, described below; none for the run's own"
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="of a CSV file")
    cart: Names = Field((), description="products in a cart, with commas between")
    hero: str | None = Field(None, description="the cart's main product; none for its first")
    p_base: float = Field(
        1.0, ge=0, le=1, description="chance that the cart is bought anyway; 1 is most careful"
    )
    order_cents: float | None = Field(
        None,
        ge=0,
        description="margin of the order at stake; none for that of the cart's products",
        examples=[5000],
    )
    distraction: float | None = Field(
        None,
        ge=0,
        le=1,
        description="distraction_risk of every offer, where products= has none",
        examples=[0.004],
    )
    substitute_above: float = Field(
        0.8, ge=0, le=1, description="likeness to the hero from which on an offer would replace it"
    )
    likeness: Literal["products", "orders"] = Field(
        "products", description="what tells that: columns of products=, or the run's orders"
    )
    candidates: int = Field(200, ge=1, description="likeliest products that are looked at")


def offer(folder: Path, words: CartWords) -> pd.DataFrame:
    """Print what to offer beside the cart and why the rest is not, and return all candidates.

    Raises
    ------
    InputError
        If the run has no chances of carts, the cart or its products cannot be used, or something
        that the guardrail needs is not known.
    """
    card = card_of_chances(VERB, folder)
    if card.get("visit_is") != "cart":
        unit = card.get("visit_is", "visit")
        raise InputError(
            f"{VERB}: {folder} is a run about a {unit}, and cart=... needs one about carts; make "
            "one by lifeworth run experiment=basket_online_retail"
        )
    hero = words.cart[0] if words.hero is None else words.hero
    if hero not in words.cart or len(set(words.cart)) < len(words.cart):
        raise InputError(
            f"{VERB}: cart={','.join(words.cart)} lacks hero={hero}, or names a product twice; "
            "name each once, the hero among them"
        )
    console = Console()
    products, graph = _products(folder, words), graph_of(folder)
    fitted: Ranks = load(folder / "fitted")
    asked = _asked(fitted, words.cart, console)
    own = products[products["product_id"].isin(words.cart)]
    rules = CartRules(
        size=words.size,
        per_category=words.per_category,
        p_base=words.p_base,
        order_cents=_order_cents(own, words),
        substitute_above=words.substitute_above,
    )
    facts = Facts(cart=words.cart, hero=hero, distraction=words.distraction, graph=graph)
    known = facts.of(products, own, words.likeness)
    chances = _chances(fitted, asked, known[~known["product_id"].isin(words.cart)], rules, words)
    if words.products is None and card["value_is"] == "revenue":
        note = "Note: costs are not known, so what products bring is revenue, not margin."
        console.print(Text(note, style="yellow"))
    offers = chances.merge(known, on="product_id", validate="one_to_one")
    found = complete(facts.beside(offers), rules)
    money_is = "Revenue" if words.products is None and card["value_is"] == "revenue" else "Margin"
    _tell(found, rules, (money_is, str(card["currency"])), console)
    return found.frame


def _asked(fitted: Ranks, cart: tuple[str, ...], console: Console) -> Trails:
    """Return the cart as the model is asked about it: of the products that it knows."""
    learnt = set(fitted.product_id.tolist())
    known = [p for p in cart if p in learnt]
    strange = [p for p in cart if p not in known]
    if not known:
        raise InputError(
            f"{VERB}: the run's model knows no product of cart={','.join(cart)}; it learnt "
            f"{len(fitted.product_id):,}, such as '{fitted.product_id[0]}'"
        )
    if strange:
        told = ", ".join(strange)
        console.print(Text(f"Note: the run's model does not know {told}.", style="yellow"))
    rows = {"visit_id": "cart", "place": 0, "product_id": known, "kind": "buy"}
    return trails(pd.DataFrame(rows), fitted.product_id)


def _chances(
    fitted: Ranks, asked: Trails, other: pd.DataFrame, rules: CartRules, words: CartWords
) -> pd.DataFrame:
    """Return product_id and p_attach of the likeliest of the other products.

    What may not be offered takes no place: it is beside the others, if it is as likely.
    """
    told = other.dropna(subset=[name for name in KNOWN if name in other])
    fine = told.loc[excluded(told, rules) == "", "product_id"]
    lists = pd.concat([
        rank(fitted, asked, words.candidates, np.isin(fitted.product_id, offered)).frame
        for offered in (fine.to_numpy(str), other["product_id"].to_numpy(str))
    ]).drop_duplicates("product_id", ignore_index=True)  # fmt: skip
    if lists.empty:
        raise InputError(
            f"{VERB}: the run's model has no chance for any of the {len(other):,} products that "
            f"may be offered; it learnt {len(fitted.product_id):,}, such as "
            f"'{fitted.product_id[0]}': add what may be offered to products="
        )
    return lists[["product_id", "score"]].rename(columns={"score": "p_attach"})


def _products(folder: Path, words: CartWords) -> pd.DataFrame:
    """Return what is known of products, by the file given or as the run left it."""
    if words.products is not None:
        needed = {"product_id": "text", "margin_cents": "number"}
        path = Path(words.products)
        return read_columns(path, needed, KINDS, once=["product_id"], delimiter=words.delimiter)
    if not (folder / PRODUCTS).is_file():
        raise InputError(
            f"{VERB}: the data of {folder} say nothing about products; give products=products.csv "
            "with product_id and margin_cents"
        )
    told = pd.read_parquet(folder / PRODUCTS).dropna(subset="margin_cents")
    there = [c for c in ("name", "category") if c in told and told[c].notna().all()]
    return told[["product_id", "margin_cents", *there]]


def _order_cents(own: pd.DataFrame, words: CartWords) -> float:
    """Return the margin at stake: as given, or that of the cart's products, never below 0."""
    if words.order_cents is not None:
        return words.order_cents
    missing = [p for p in words.cart if p not in set(own["product_id"])]
    if missing:
        raise InputError(
            f"{VERB}: what {', '.join(missing)} of the cart brings is not among the products, so "
            "nobody knows what is at stake; add it, or give order_cents=..."
        )
    return max(float(own["margin_cents"].sum()), 0.0)


def _tell(found: Offered, rules: CartRules, cash: tuple[str, str], console: Console) -> None:
    """Print what is offered; `cash`: what products bring, and its currency."""
    frame, (money_is, currency) = found.frame, cash
    print_grid(offers_grid(frame, rules, money_is), console)
    for why, count in frame.loc[frame["rank"] == 0, "dropped_by"].value_counts().items():
        console.print(Text(f"  not shown, {why}: {count:,}", style="dim"))
    shown = int((frame["rank"] > 0).sum())
    price = money(rules.price, currency)
    if not found.show:
        console.print(
            Text("DO NOT SHOW", style="bold").append(
                f": nothing that may be offered brings more than it costs, at {price} at stake.",
                style="not bold",
            )
        )
        return
    console.print(
        Text("SHOW", style="bold").append(
            f" {counted(shown, 'offer')}: gain {money(found.gain_cents, currency)}, distraction "
            f"{money(found.distraction_cents, currency)}, net {money(found.net_cents, currency)}; "
            f"guardrail {money(found.guard_cents, currency)} > 0, at {price} at stake.",
            style="not bold",
        )
    )


def offers_grid(frame: pd.DataFrame, rules: CartRules, money_is: str = "Margin") -> Grid:
    """Return what is shown, and the first of what is not, with the terms of its worth."""
    named = "name" in frame
    high = frame["distraction_high" if "distraction_high" in frame else "distraction_risk"]
    guard = frame["delta_gm_cents"] - rules.price * high
    head = ["Product", *(["Name"] if named else []), "Place", money_is, "Chance"]
    head += ["Gain", "Distraction", "Net", "Guard", "Not shown because"]
    number = int((frame["rank"] > 0).sum()) + PRINTED
    rows = []
    for row, low in zip(frame.head(number).to_dict("records"), guard, strict=False):
        terms = [*(row[f"{n}_cents"] for n in ("delta_gm", "distraction", "net")), low]
        rows.append(
            [
                Cell(text=str(row["product_id"])),
                *([Cell(text=str(row["name"]))] if named else []),
                Cell(text=str(row["rank"]) if row["rank"] else ""),
                Cell(text=money(row["margin_cents"])),
                Cell(text=share(row["p_attach"], 2)),
                *(Cell(text=f"{significant(term, 3)} c") for term in terms),
                Cell(text=str(row["dropped_by"])),
            ]
        )
    if "bought_with" in frame:
        head.append("Bought with")
        for cells, row in zip(rows, frame.to_dict("records"), strict=False):
            cells.append(Cell(text=told_together(row)))
    words = {place for place, title in enumerate(head) if title in WORDS}
    return Grid(head=head, groups={"": rows}, words=words)
