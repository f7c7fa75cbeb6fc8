"""The lists of a ranking's run into what to show: in money, within caps, with reasons."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.decide.explore import explore
from lifeworth.decide.rerank import ListCaps, Penalties, rerank
from lifeworth.decide.steering import sample, steer, values_of
from lifeworth.report.page import write as write_page
from lifeworth.report.recommendations import Lists, document, headline, list_grid
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import number
from lifeworth.run.cart import CART, VERB, CartWords, offer
from lifeworth.run.files import refuse_endings, refuse_nowhere, refuse_same, write_frame
from lifeworth.run.finished import card_of_chances, chances_off, folder_of
from lifeworth.run.list_words import Capped, Drawn, Penalising, beside, keep_words
from lifeworth.run.outputs import PRODUCTS, RECOMMENDATIONS, WANTED
from lifeworth.run.words import Numbers
from lifeworth.tables.columns import read_columns
from lifeworth.tables.errors import InputError, agreed

EXAMPLES = (
    """  lifeworth recommend products=products.csv size=10 per_category=3 out=shown.parquet
  lifeworth recommend run=latest products=products.csv size=5 visit=000017
  lifeworth recommend products=products.csv out=shown.parquet steer=alpha values=0,0.5,1,2,4
  lifeworth recommend products=products.csv out=shown.parquet log=log.parquet salt=spring
  lifeworth recommend cart=22423,22720 hero=22423 distraction=0.004      what to offer beside a cart

The run is of ranker_union, ranker_union_towers, ranker_repeat, basket_learnt, basket_ease or
basket_attach, whose scores are chances.
The file of products names every product of its lists; it has product_id, margin_cents (of a
purchase), return_rate, stock_cover_days, and if known stock_units, category, seller and conversion:
the chance of a purchase once what the run's visits record has happened (1 where they record
purchases). A product is worth p margin - alpha low stock - beta p return_rate (margin +
return_cents), p = its chance in the run's list x conversion. Lists can be no better than the run's
candidates: give the run a larger ranking.at.

Beside out=shown.parquet a page shown.html says what was left out and what a penalty moves. log=
writes lists drawn at random within the same limits instead, with the chance of each product: show
those to some visitors, and lifeworth replay judges other penalties by what they brought. Draw by
the mildest penalties that will be asked about: what is worth no more than 0 is never drawn.
"""
    + CART
)

SHARE = (0.0, 1.0, "such as .05 for 5 %")
COUNT = (0.0, np.inf, "such as 12, or 0 for what is sold out")
BOUNDS = {
    "return_rate": SHARE,
    "conversion": SHARE,
    "stock_cover_days": COUNT,
    "stock_units": COUNT,
}
"""What numbers of products can be, and an example."""

KNOWN = ("margin_cents", "return_rate", "stock_cover_days")

PENALTIES = tuple(Penalising.model_fields)


class Arguments(CartWords, Drawn):
    """What to show, within which limits; to visits of the run, or beside one cart."""

    run: str = Field("latest", description="folder or run_id of a ranking's run, or the latest")
    visit: str | None = Field(None, description="print the list of this visit")
    out: str | None = Field(
        None,
        description="file for all lists, with reasons: Parquet, or CSV if its name ends in .csv",
    )
    page: str | None = Field(None, description="HTML file; none for one beside out")
    currency: str = Field("", description="code of the currency, for the page")
    steer: Literal["alpha", "beta", "stock_cover_days", "empty_cents", "return_cents"] = Field(
        "alpha", description="penalty that the page moves"
    )
    values: Numbers = Field((), description="of that penalty, as in 0,0.5,1; none for some around")
    log: str | None = Field(None, description="file for lists drawn at random, with their chances")
    salt: str | None = Field(None, min_length=1, description="text that draws the log")
    tracking_uri: str | None = Field(None, description="MLflow store that knows the run")


def main(arguments: Arguments) -> int:
    """Rerank, write the lists and their page, and print one of them."""
    if arguments.cart:
        return _beside_cart(arguments)
    _refuse_words(arguments)
    _refuse_files(arguments)
    folder = folder_of(VERB, arguments.run, arguments.tracking_uri, "ranking")
    lists = _lists(folder)
    if arguments.visit is not None and arguments.out is None and arguments.log is None:
        lists = _one(lists, arguments.visit)
    penalties, caps = arguments.penalties(), arguments.caps()
    candidates = _with_products(lists, folder, arguments)
    found = rerank(candidates, penalties, caps)
    log = None
    if arguments.log is not None:  # what cannot be drawn is refused before anything is written
        log = explore(found, arguments.exploration(), caps, str(arguments.salt))
    console = Console()
    if arguments.visit is not None:
        print_grid(list_grid({"": _one(found, arguments.visit)}), console)
    if arguments.out is not None:
        write_frame(VERB, "out", Path(arguments.out), found)
        shown = _shown(candidates, found, penalties, caps, arguments)
        _tell(shown, console)
        print_path("Lists", Path(arguments.out), console)
        page = write_page(document(shown), Path(str(_page(arguments))))
        print_path("Page", page, console)
    if log is not None:
        _write_log(log, arguments, console)
    return 0


def _beside_cart(arguments: Arguments) -> int:
    """Print what to offer beside a cart; write all candidates where a file is named."""
    for name in ("visit", "per_seller", "log", "page"):
        if getattr(arguments, name) is not None:
            raise InputError(
                f"{VERB}: {name}=... is about the run's own visits, and cart=... is "
                "another; leave one of them out"
            )
    refuse_same(VERB, {"out": arguments.out}, {"products": arguments.products})
    refuse_endings(VERB, {"out": arguments.out})
    refuse_nowhere(VERB, {"out": arguments.out})
    folder = folder_of(VERB, arguments.run, arguments.tracking_uri, "ranking")
    found = offer(folder, arguments)
    if arguments.out is not None:
        write_frame(VERB, "out", Path(arguments.out), found)
        print_path("Offers", Path(arguments.out), Console())
    return 0


def _refuse_words(arguments: Arguments) -> None:
    if arguments.out is None and arguments.visit is None and arguments.log is None:
        raise InputError(
            f"{VERB}: nothing to do; give out=shown.parquet for all lists, visit=... to see one, "
            "or cart=... for offers beside a cart"
        )
    if arguments.log is not None and arguments.salt is None:
        raise InputError(
            f"{VERB}: log needs salt, the text that draws its lists; give salt=spring, "
            "say, and the same to draw the same lists again"
        )
    if arguments.page is not None and arguments.out is None:
        raise InputError(f"{VERB}: page needs out; give out=shown.parquet")


def _refuse_files(arguments: Arguments) -> None:
    """Refuse files that could not be written, or that would be written over."""
    tables = {name: getattr(arguments, name) for name in ("out", "log")}
    refuse_endings(VERB, tables)
    written = tables | {"page": _page(arguments)}
    words = None if arguments.log is None else str(beside(arguments.log))
    refuse_same(VERB, written | {"words of log": words}, {"products": arguments.products})
    refuse_nowhere(VERB, written)


def _page(arguments: Arguments) -> str | None:
    """Return where the page of the lists is written; None where they are not."""
    if arguments.out is None or arguments.page is not None:
        return arguments.page
    return str(Path(arguments.out).with_suffix(".html"))


def _shown(
    candidates: pd.DataFrame,
    found: pd.DataFrame,
    penalties: Penalties,
    caps: ListCaps,
    arguments: Arguments,
) -> Lists:
    """Return what the page shows; lists are made again for each value of the penalty."""
    now = getattr(arguments, arguments.steer)
    tried = {*(arguments.values or values_of(penalties, arguments.steer)), now}
    some = sample(candidates)
    limits = {name: getattr(arguments, name) for name in Capped.model_fields}
    return Lists(
        found=found,
        steering=steer(some, penalties, caps, arguments.steer, sorted(tried)),
        penalty=arguments.steer,
        steered=int(some["visit_id"].nunique()),
        subtitle=f"lists of {arguments.run}",
        currency=arguments.currency,
        facts={
            "run": arguments.run,
            "products": arguments.products or "those of the run",
            **{name: number(value) for name, value in limits.items() if value is not None},
            **{name: number(getattr(penalties, name), 2) for name in PENALTIES},
        },
    )


def _write_log(log: pd.DataFrame, arguments: Arguments, console: Console) -> None:
    """Write lists and how they were drawn; say by how much others can be weighed from them."""
    path, bound = Path(str(arguments.log)), arguments.exploration().largest_weight()
    write_frame(VERB, "log", path, log)
    keep_words(path, arguments, str(arguments.salt))
    console.print(
        f"{log['visit_id'].nunique():,} lists at random: a product's weight under another policy is"
        f" at most {bound:,.0f} at a place, the chance of a list at least "
        f"{log['list_propensity'].min():.1e}."
    )
    print_path("Log", path, console)
    print_path("Its words", beside(path), console)
    if arguments.out is None:
        note = "Note: lifeworth replay needs the lists beside the log; give out= in the same call."
        console.print(Text(note, style="yellow"))


def _lists(folder: Path) -> pd.DataFrame:
    """Return visit_id, product_id, score and perhaps wanted of a run whose scores are chances."""
    for note in chances_off(card_of_chances(VERB, folder)):
        Console().print(Text(f"Note: {note}", style="yellow"))
    lists = pd.read_parquet(folder / RECOMMENDATIONS)[["visit_id", "product_id", "score"]]
    came = folder / WANTED
    if not came.is_file():
        return lists
    pairs = pd.MultiIndex.from_frame(pd.read_parquet(came)[["visit_id", "product_id"]])
    return lists.assign(wanted=pd.MultiIndex.from_frame(lists.iloc[:, :2]).isin(pairs))


def _one(frame: pd.DataFrame, visit: str) -> pd.DataFrame:
    own = frame[frame["visit_id"] == visit]
    if own.empty:
        raise InputError(
            f"{VERB}: the run has no list for visit={visit}; there is one for "
            f"{frame['visit_id'].iloc[0]}, say"
        )
    return own.reset_index(drop=True)


def _with_products(lists: pd.DataFrame, folder: Path, arguments: Arguments) -> pd.DataFrame:
    """Return the candidates with what is known of their products; an unknown one stops."""
    path = _products(folder) if arguments.products is None else Path(arguments.products)
    products = read_columns(
        path,
        {"product_id": "text", **dict.fromkeys(KNOWN, "number")},
        {
            **dict.fromkeys(("stock_units", "conversion"), "number"),
            **dict.fromkeys(("category", "seller"), "text"),
        },
        once=["product_id"],
        delimiter=arguments.delimiter,
    )
    _refuse_bounds(path.name, products)
    unknown = lists.loc[~lists["product_id"].isin(products["product_id"]), "product_id"].unique()
    if len(unknown):
        raise InputError(
            f"{VERB}: {agreed(len(unknown), 'product', 'are', 'of the lists')} not in {path.name}, "
            f"first '{unknown[0]}'; add them, with stock_units 0 if they are not to be shown"
        )
    both = lists.merge(products, on="product_id", how="left", validate="many_to_one")
    return both.assign(p_purchase=both["score"] * both.get("conversion", 1.0))


def _refuse_bounds(name: str, products: pd.DataFrame) -> None:
    for column, (low, high, such) in BOUNDS.items():
        if column in products:
            bad = ~products[column].between(low, high)
            if bad.any():
                first = products[bad].iloc[0]
                told = f"from {low:g} to {high:g}" if np.isfinite(high) else f"of {low:g} or more"
                raise InputError(
                    f"{name}: {int(bad.sum()):,} of {len(products):,} products have a {column} that"
                    f" is not {told}, first '{first['product_id']}' ({first[column]:g}); write "
                    f"numbers {such}"
                )


def _products(folder: Path) -> Path:
    """Return the table of products that the run left, if it says all that lists need."""
    path = folder / PRODUCTS
    there = pq.read_schema(path).names if path.is_file() else []
    lacking = [name for name in KNOWN if name not in there]
    if lacking:
        raise InputError(
            f"{VERB}: the data of the run do not say {', '.join(lacking)} of products; give "
            f"products=products.csv with product_id, {', '.join(KNOWN)}"
        )
    return path


def _tell(shown: Lists, console: Console) -> None:
    console.print(f"{headline(shown)}.")
    reasons = shown.found.loc[shown.found["rank"] == 0, "dropped_by"].value_counts()
    for why, count in reasons.items():
        console.print(Text(f"  left out, {why}: {count:,}", style="dim"))
