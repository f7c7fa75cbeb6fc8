"""The lists of a ranking's run into what to show: in money, within caps, with reasons."""

from pathlib import Path

import pandas as pd
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.decide.rerank import ListCaps, Penalties, rerank
from lifeworth.report.grids import Cell, Grid
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import counted, money, share, significant
from lifeworth.run.cart import CART, CartWords, Limits, offer
from lifeworth.run.finished import card_of_chances, folder_of
from lifeworth.run.outputs import RECOMMENDATIONS
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError

EXAMPLES = (
    """  lifeworth recommend products=products.csv size=10 per_category=3 out=shown.parquet
  lifeworth recommend run=latest products=products.csv size=5 visit=000017

  lifeworth recommend cart=22423,22720 hero=22423 distraction=0.004      what to offer beside a cart

The file of products has product_id, margin_cents (of a purchase), return_rate, stock_cover_days,
and if known stock_units, category, seller and conversion: the chance of a purchase once what the
run's visits record has happened (1 where they record purchases). A product is worth p margin -
alpha low stock - beta p return_rate (margin + return_cents), p = its chance in the run's list x
conversion. Lists can be no better than the run's candidates: give the run a larger ranking.at.
"""
    + CART
)

WANTED = ("margin_cents", "return_rate", "stock_cover_days")


class Arguments(CartWords):
    """What to show, within which limits; to visits of the run, or beside one cart."""

    run: str = Field("latest", description="folder or run_id of a ranking's run, or latest")
    products: str | None = Field(
        None, description="CSV or Parquet file of products, described below; cart: or the run's"
    )
    size: int = Field(10, ge=1, description="most products of a list, or offers beside a cart")
    per_category: int | None = Field(None, ge=1, description="most of a category")
    per_seller: int | None = Field(None, ge=1, description="most of a seller")
    alpha: float = Field(0.5, ge=0, description="weight of low stock; raise it if stock runs out")
    beta: float = Field(1.0, ge=0, description="weight of returns")
    stock_cover_days: float = Field(7.0, gt=0, description="a cover below this is low")
    empty_cents: float = Field(1_000.0, ge=0, description="penalty at a cover of 0, before alpha")
    return_cents: float = Field(0.0, ge=0, description="cost of a return beyond the lost margin")
    visit: str | None = Field(None, description="print the list of this visit")
    out: str | None = Field(
        None,
        description="file for all lists, with reasons: Parquet, or CSV if its name ends in .csv",
    )
    delimiter: str = Field(",", min_length=1, max_length=1, description="of a CSV file")
    tracking_uri: str | None = Field(None, description="MLflow store that knows the run")


def main(arguments: Arguments) -> int:
    """Rerank, write the lists and print one of them."""
    if arguments.cart:
        return _beside_cart(arguments)
    if arguments.out is None and arguments.visit is None:
        raise InputError(
            "lifeworth recommend: nothing to do; give out=shown.parquet for all lists, visit=... "
            "to see one, or cart=... for offers beside a cart"
        )
    if arguments.products is None:
        raise InputError("lifeworth recommend: products is missing; give products=products.csv")
    path = Path(arguments.products)
    lists = _lists(folder_of("lifeworth recommend", arguments.run, arguments.tracking_uri))
    if arguments.visit is not None and arguments.out is None:
        lists = _one(lists, arguments.visit)
    penalties = Penalties(
        alpha=arguments.alpha,
        beta=arguments.beta,
        stock_cover_days=arguments.stock_cover_days,
        empty_cents=arguments.empty_cents,
        return_cents=arguments.return_cents,
    )
    caps = ListCaps(
        size=arguments.size,
        per_category=arguments.per_category,
        per_seller=arguments.per_seller,
    )
    found = rerank(_with_products(lists, path, arguments.delimiter), penalties, caps)
    console = Console()
    if arguments.visit is not None:
        print_grid(grid(_one(found, arguments.visit)), console)
    if arguments.out is not None:
        _write(found, Path(arguments.out))
        _tell(found, console)
        print_path("Lists", Path(arguments.out), console)
    return 0


def _beside_cart(arguments: Arguments) -> int:
    """Print what to offer beside a cart; write all candidates where a file is named."""
    for name in ("visit", "per_seller"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"lifeworth recommend: {name}=... is about the run's own visits, and cart=... is "
                "another; leave one of them out"
            )
    folder = folder_of("lifeworth recommend", arguments.run, arguments.tracking_uri)
    limits = Limits(
        products=arguments.products,
        size=arguments.size,
        per_category=arguments.per_category,
        delimiter=arguments.delimiter,
    )
    found = offer(folder, arguments, limits)
    if arguments.out is not None:
        _write(found, Path(arguments.out))
        print_path("Offers", Path(arguments.out), Console())
    return 0


def _lists(folder: Path) -> pd.DataFrame:
    """Return visit_id, product_id and score of a run whose scores are chances."""
    card_of_chances("lifeworth recommend", folder)
    return pd.read_parquet(folder / RECOMMENDATIONS)[["visit_id", "product_id", "score"]]


def _one(frame: pd.DataFrame, visit: str) -> pd.DataFrame:
    own = frame[frame["visit_id"] == visit]
    if own.empty:
        raise InputError(
            f"lifeworth recommend: the run has no list for visit={visit}; there is one for "
            f"{frame['visit_id'].iloc[0]}, say"
        )
    return own.reset_index(drop=True)


def _with_products(lists: pd.DataFrame, path: Path, delimiter: str) -> pd.DataFrame:
    """Return the candidates with what is known of their products; an unknown one stops."""
    products = read_columns(
        path,
        {"product_id": "text", **dict.fromkeys(WANTED, "number")},
        {
            **dict.fromkeys(("stock_units", "conversion"), "number"),
            **dict.fromkeys(("category", "seller"), "text"),
        },
        once=["product_id"],
        delimiter=delimiter,
    )
    unknown = lists.loc[~lists["product_id"].isin(products["product_id"]), "product_id"].unique()
    if len(unknown):
        raise InputError(
            f"lifeworth recommend: {len(unknown):,} products of the lists are not in {path.name}, "
            f"first '{unknown[0]}'; add them, with stock_units 0 if they are not to be shown"
        )
    both = lists.merge(products, on="product_id", how="left", validate="many_to_one")
    return both.assign(p_purchase=both["score"] * both.get("conversion", 1.0))


def grid(own: pd.DataFrame) -> Grid:
    """Return one list with the terms of its worth, and what is not in it."""
    head = ["Product", "Place", "Chance", "Margin", "Purchase", "Low stock", "Returns", "Worth"]
    terms = ("purchase_cents", "low_stock_cents", "returns_cents", "score_cents")
    rows = [
        [
            Cell(text=str(row["product_id"])),
            Cell(text=str(row["rank"]) if row["rank"] else ""),
            Cell(text=share(row["p_purchase"], 2)),
            Cell(text=money(row["margin_cents"])),
            *(Cell(text=f"{significant(row[term], 3)} c") for term in terms),
            Cell(text=str(row["dropped_by"])),
        ]
        for row in own.to_dict("records")
    ]
    return Grid(head=[*head, "Left out because"], groups={"": rows}, words={0, 8})


def _write(found: pd.DataFrame, path: Path) -> None:
    try:
        if path.suffix == ".csv":
            found.to_csv(path, index=False)
        else:
            found.to_parquet(path, index=False)
    except OSError as error:
        raise InputError(
            f"lifeworth recommend: out={path} cannot be written ({error.strerror or error}); name "
            "a file in a folder that is there"
        ) from error


def _tell(found: pd.DataFrame, console: Console) -> None:
    shown = found[found["rank"] > 0]
    visits = int(found["visit_id"].nunique())
    console.print(
        f"{counted(len(shown), 'product')} for {counted(visits, 'visit')}, worth "
        f"{money(shown['score_cents'].sum() / visits, decimals=2)} a visit."
    )
    reasons = found.loc[found["rank"] == 0, "dropped_by"].value_counts()
    for why, count in reasons.items():
        console.print(Text(f"  left out, {why}: {count:,}", style="dim"))
