"""What to offer beside one cart, by a model of carts that a run left, under the guardrail."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.asof.baskets import trails
from lifeworth.decide.basket import CartRules, Offered, complete
from lifeworth.models.ranking import Ranks, rank
from lifeworth.models.store import load
from lifeworth.report.grids import Cell, Grid
from lifeworth.report.terminal import print_grid
from lifeworth.report.wording import counted, money, share, significant
from lifeworth.run.finished import card_of_chances
from lifeworth.run.list_words import Sized
from lifeworth.run.outputs import PRODUCTS
from lifeworth.run.words import Names
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError

VERB = "lifeworth recommend"

CART = """
Beside a cart (cart=...), an offer brings chance x margin_cents, and distracts: it costs
distraction_risk x p_base x order_cents. What brings the most is shown, if it brings more than the
distraction costs. products= may be left out where the run's store says what products bring; a file
needs product_id and margin_cents, and may have category, name, stock_units, distraction_risk and
distraction_high (an upper end, which the guardrail is to stand); substitute_group: an offer of the
hero's group would replace it; ship_group: an offer ships with a cart of its own group alone; or,
where it was made for this cart, cos_to_hero (likeness, 0 to 1) and ship_ok. What is not in the file
is not offered. hide products of a cart were hidden when the run's chances were learnt: a chance is
that of being among as many."""

KINDS = {
    **dict.fromkeys(("category", "name", "substitute_group", "ship_group"), "text"),
    **dict.fromkeys(("stock_units", "distraction_risk", "distraction_high"), "number"),
    "cos_to_hero": "number",
    "ship_ok": "truth",
}
"""Columns that a file of products may have."""

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
        None, ge=0, description="margin of the order at stake; none for that of the cart's products"
    )
    distraction: float | None = Field(
        None, ge=0, le=1, description="distraction_risk of every offer, where products= has none"
    )
    substitute_above: float = Field(
        0.8, ge=0, le=1, description="likeness to the hero from which on an offer would replace it"
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
    products = _products(folder, words)
    chances = _chances(load(folder / "fitted"), products, words, console)
    if words.products is None and card["value_is"] == "revenue":
        note = "Note: costs are not known, so what products bring is revenue, not margin."
        console.print(Text(note, style="yellow"))
    own = products[products["product_id"].isin(words.cart)]
    offers = chances.merge(products, on="product_id", validate="one_to_one")
    rules = CartRules(
        size=words.size,
        per_category=words.per_category,
        p_base=words.p_base,
        order_cents=_order_cents(own, words),
        substitute_above=words.substitute_above,
    )
    found = complete(_with_facts(offers, own, hero, words), rules)
    _tell(found, rules, str(card["currency"]), console)
    return found.frame


def _chances(
    fitted: Ranks, products: pd.DataFrame, words: CartWords, console: Console
) -> pd.DataFrame:
    """Return product_id and p_attach of the likeliest products for the cart, of those given."""
    learnt = set(fitted.product_id.tolist())
    known = [p for p in words.cart if p in learnt]
    strange = [p for p in words.cart if p not in known]
    if not known:
        raise InputError(
            f"{VERB}: the run's model knows no product of cart={','.join(words.cart)}; it learnt "
            f"{len(fitted.product_id):,}, such as '{fitted.product_id[0]}'"
        )
    if strange:
        told = ", ".join(strange)
        console.print(Text(f"Note: the run's model does not know {told}.", style="yellow"))
    rows = {"visit_id": "cart", "place": 0, "product_id": known, "kind": "buy"}
    asked = trails(pd.DataFrame(rows), fitted.product_id)
    offered = set(products["product_id"]) - set(words.cart)
    lists = rank(fitted, asked, words.candidates, np.isin(fitted.product_id, list(offered))).frame
    if lists.empty:
        raise InputError(
            f"{VERB}: the run's model has no chance for any of the {len(offered):,} products that "
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


def _with_facts(
    offers: pd.DataFrame, own: pd.DataFrame, hero: str, words: CartWords
) -> pd.DataFrame:
    """Add the distraction, likeness to the hero, and whether an offer ships with the cart."""
    made: dict[str, object] = {}
    if "distraction_risk" not in offers:
        if words.distraction is None:
            raise InputError(
                f"{VERB}: how likely an offer makes a customer leave the cart is not known; give "
                "distraction=0.004, say, or products= a column distraction_risk"
            )
        made["distraction_risk"] = words.distraction
    _refuse_unknown(offers, own, hero, words)
    main = own[own["product_id"] == hero]
    if "substitute_group" in offers and "cos_to_hero" not in offers:
        same = offers["substitute_group"] == main["substitute_group"].iloc[0]
        made["cos_to_hero"] = same.astype(float)
    if "ship_group" in offers and "ship_ok" not in offers:
        groups = set(own["ship_group"])
        made["ship_ok"] = [groups <= {group} for group in offers["ship_group"]]
    return offers.assign(**made)


def _refuse_unknown(offers: pd.DataFrame, own: pd.DataFrame, hero: str, words: CartWords) -> None:
    """Refuse a cart of which it is not known what would replace it, or what ships with it."""
    there = set(own["product_id"])
    asked = {("substitute_group", "cos_to_hero"): [hero], ("ship_group", "ship_ok"): words.cart}
    for (group, instead), needed in asked.items():
        missing = [product for product in needed if product not in there]
        if group in offers and instead not in offers and missing:
            raise InputError(
                f"{VERB}: products= has a {group}, and no row for {', '.join(missing)} of the "
                "cart, so nobody knows which offers fit; add it, or leave the column out"
            )


def _tell(found: Offered, rules: CartRules, currency: str, console: Console) -> None:
    frame = found.frame
    print_grid(offers_grid(frame, rules), console)
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


def offers_grid(frame: pd.DataFrame, rules: CartRules) -> Grid:
    """Return what is shown, and the first of what is not, with the terms of its worth."""
    named = "name" in frame
    high = frame["distraction_high" if "distraction_high" in frame else "distraction_risk"]
    guard = frame["delta_gm_cents"] - rules.price * high
    head = ["Product", *(["Name"] if named else []), "Place", "Margin", "Chance"]
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
    words = {0, 1, len(head) - 1} if named else {0, len(head) - 1}
    return Grid(head=head, groups={"": rows}, words=words)
