"""The page of lists to show: examples with their worth, what a penalty moves, what was left out."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.page import Document
from lifeworth.report.sections import Picture, Section
from lifeworth.report.style import EXPECTED, EXPECTED_AREA, NUMBERS, QUIET, WARM, styled
from lifeworth.report.wording import counted, money, number, share, significant

EXAMPLES = 12
"""Visits whose lists the page shows, at even steps."""

MOST_OUT = 4
"""Products left out of an example that it shows, the best first."""

TERMS = ("purchase_cents", "low_stock_cents", "returns_cents", "score_cents")
HEAD = ["Product", "Place", "Chance", "Margin", "Purchase", "Low stock", "Returns", "Worth"]

PENALTIES = {
    "alpha": "weight of low stock (alpha)",
    "beta": "weight of returns (beta)",
    "stock_cover_days": "days of cover that are low",
    "empty_cents": "penalty of an empty stock, cents",
    "return_cents": "cost of a return, cents",
}


@dataclass(frozen=True, kw_only=True)
class Lists:
    """What the page shows.

    Attributes
    ----------
    found
        As `decide.rerank` returns it.
    steering
        As `decide.steering` returns it; None: no section.
    penalty
        Which one was moved.
    steered
        Visits whose lists were made again.
    """

    found: pd.DataFrame
    steering: pd.DataFrame | None = None
    penalty: str = "alpha"
    steered: int = 0
    subtitle: str = ""
    currency: str = ""
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def visits(self) -> int:
        """Return how many visits there are."""
        return int(self.found["visit_id"].nunique())

    @property
    def shown(self) -> pd.DataFrame:
        """Return what is in the lists."""
        return self.found[self.found["rank"] > 0]


def document(lists: Lists) -> Document:
    """Return the page."""
    made = [_steering(lists), _examples(lists), _dropped(lists)]
    return Document(
        title="What to show",
        subtitle=lists.subtitle,
        headline=headline(lists),
        tiles=_tiles(lists),
        notes=lists.notes,
        sections=[section for section in made if section is not None],
        facts=lists.facts,
    )


def headline(lists: Lists) -> str:
    """Return one sentence: how much is shown, and what it is worth."""
    worth = lists.shown["score_cents"].sum() / lists.visits
    return (
        f"{counted(len(lists.shown), 'product')} for {counted(lists.visits, 'visit')}, worth "
        f"{money(worth, lists.currency, decimals=2)} a visit"
    )


def _tiles(lists: Lists) -> list[tuple[str, Cell]]:
    shown, visits = lists.shown, lists.visits
    bought = shown["p_purchase"].sum() / visits
    without = visits - shown["visit_id"].nunique()
    here, all_ = shown["product_id"].nunique(), lists.found["product_id"].nunique()
    return [
        ("Visits", Cell(text=number(visits), small=f"{number(without)} without a list")),
        ("Products a visit", Cell(text=number(len(shown) / visits, 1))),
        ("Expected purchases a visit", Cell(text=significant(bought, 3))),
        ("Products shown to anyone", Cell(text=number(here), small=f"of {number(all_)}")),
    ]


# ---- steering


def _steering(lists: Lists) -> Section | None:
    frame = lists.steering
    if frame is None:
        return None
    measured = bool(frame["wanted_rate"].notna().all())
    hits = (
        "Hit rate: visits whose list has what came next, as it was in the data."
        if measured
        else "Hit rate: chance that a visit buys at least one product of its list, purchases "
        "being independent, as the chances say."
    )
    unit = lists.currency or "units of money"
    words = Caption(
        "What a penalty moves",
        f"The lists of {counted(lists.steered, 'visit')}, made again for each value of the "
        f"{PENALTIES[lists.penalty]}; everything else stays, and the value in use is marked. "
        "Margin is expected margin per visit less what returns take of it and cost, in "
        f"{unit}, without any weight. {hits} Low stock: places given to products whose cover is "
        "below the limit in use. Purchases, products shown and margin are per visit; buys any is "
        "the chance that a visit buys something of its list. Coverage: products that any list "
        "shows, of all candidates. Beyond stock: purchases expected of these visits that the stock "
        "could not serve. All but a measured hit rate is as the model's chances say.",
        "Margin that falls while low stock hardly moves: the penalty costs and does not help. "
        "Raise alpha when stock runs out too often, and see here what that costs.",
    )
    rate = "wanted_rate" if measured else "hit_rate"
    pictures = [
        Picture(title="Margin against hit rate", figure=trade_off(frame, rate, unit)),
        Picture(title="Places of low stock", figure=by_value(frame, lists.penalty)),
    ]
    table = steering_grid(frame, lists.penalty, unit)
    return Section(anchor="steering", words=words, pictures=pictures, look="pairs",
                   tables={"": table})  # fmt: skip


def trade_off(frame: pd.DataFrame, rate: str, unit: str) -> go.Figure:
    """Return margin against hit rate, a dot for each value of the penalty."""
    now = frame["in_use"].to_numpy()
    line = go.Scatter(
        x=frame[rate],
        y=frame["net_cents"] / 100,
        mode="lines+markers+text",
        text=[f"{value:g}" for value in frame["value"]],
        textposition="top center",
        cliponaxis=False,
        line={"color": QUIET, "width": 1.5},
        marker={"color": np.where(now, WARM, EXPECTED), "size": np.where(now, 13, 9)},
        hovertemplate="at %{text}: %{y:,.2f}, %{x:.2%}<extra></extra>",
    )
    figure = go.Figure(line)
    figure.update_xaxes(title_text="hit rate", tickformat=".1%", nticks=6)
    figure.update_yaxes(title_text=f"margin per visit, {unit}", tickformat=NUMBERS)
    return styled(figure, 380)


def by_value(frame: pd.DataFrame, penalty: str) -> go.Figure:
    """Return the share of places of low stock, a bar for each value of the penalty."""
    bars = go.Bar(x=[f"{value:g}" for value in frame["value"]], y=frame["low_stock"])
    colours = np.where(frame["in_use"].to_numpy(), WARM, EXPECTED_AREA)
    bars.update(marker_color=colours, hovertemplate="at %{x}: %{y:.1%}<extra></extra>")
    figure = styled(go.Figure(bars), 380).update_layout(bargap=0.35)
    figure.update_xaxes(type="category", title_text=PENALTIES[penalty], showgrid=False)
    return figure.update_yaxes(tickformat=".0%", rangemode="tozero")


def steering_grid(frame: pd.DataFrame, penalty: str, unit: str) -> Grid:
    """Return a row for each value; that in use stands out."""
    known = {name: bool(frame[name].notna().all()) for name in ("wanted_rate", "short_units")}
    head = [penalty.replace("_", " ").capitalize(), f"Margin, {unit}", "Purchases", "Buys any"]
    head += ["Hit rate"] * known["wanted_rate"] + ["Shown", "Low stock"]
    head += ["Beyond stock"] * known["short_units"] + ["Coverage"]
    rows: list[Row] = []
    for row in frame.to_dict("records"):
        told = [
            f"{row['value']:g}{' (in use)' if row['in_use'] else ''}",
            money(row["net_cents"], decimals=2),
            significant(row["purchases"], 3),
            share(row["hit_rate"], 2),
            *([share(row["wanted_rate"], 2)] if known["wanted_rate"] else []),
            number(row["shown"], 2),
            share(row["low_stock"]),
            *([number(row["short_units"], 1)] if known["short_units"] else []),
            share(row["coverage"]),
        ]
        rows.append([Cell(text=text, strong=bool(row["in_use"])) for text in told])
    return Grid(head=head, groups={"": rows})


# ---- lists


def list_row(row: dict) -> Row:
    """Return a product with the terms of its worth, and why it is not in the list."""
    return [
        Cell(text=str(row["product_id"])),
        Cell(text=str(row["rank"]) if row["rank"] else ""),
        Cell(text=share(row["p_purchase"], 2)),
        Cell(text=money(row["margin_cents"])),
        *(Cell(text=f"{significant(row[term], 3)} c") for term in TERMS),
        Cell(text=str(row["dropped_by"])),
    ]


def list_grid(lists: dict[str, pd.DataFrame]) -> Grid:
    """Return lists by title, a row for each product."""
    groups = {title: [list_row(r) for r in f.to_dict("records")] for title, f in lists.items()}
    return Grid(head=[*HEAD, "Left out because"], groups=groups, words={0, 8})


def _examples(lists: Lists) -> Section:
    ids = lists.found["visit_id"].unique()
    taken = ids[np.unique(np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).astype(int))]
    some = lists.found[lists.found["visit_id"].isin(taken)]
    out = some["rank"] == 0
    place = out.groupby(some["visit_id"]).cumsum()
    kept = some[~out | (place <= MOST_OUT)]
    words = Caption(
        "Example lists",
        "Visits taken at even steps. Purchase is chance x margin; low stock and returns take from "
        "it what the penalties say; what is left is the worth of showing it, in cents. Below the "
        f"list stand the best {MOST_OUT} that are not in it, with each limit that kept them out.",
        "Lists whose places are filled by products of little worth; good products that a cap "
        "keeps out again and again.",
    )
    by = {f"Visit {visit}": own for visit, own in kept.groupby("visit_id", sort=False)}
    return Section(anchor="examples", words=words, tables={"": list_grid(by)})


def _dropped(lists: Lists) -> Section | None:
    out = lists.found[lists.found["rank"] == 0]
    if out.empty:
        return None
    words = Caption(
        "What was left out, and why",
        "Candidates that are in no list of their visit, by reason. Several reasons: the product "
        "would break each of these limits. Their worth is what they would have added by "
        "themselves, if there had been a place for them.",
        "Much worth kept out by a cap on a category or a seller: that is what the cap costs at "
        "most; ask whether it is meant.",
    )
    by = out.groupby("dropped_by")["score_cents"].agg(["size", "sum", "mean"])
    rows: list[Row] = []
    for why, row in by.sort_values("size", ascending=False).iterrows():
        worth = max(float(row["sum"]), 0.0) / lists.visits
        told = [str(why), number(row["size"]), share(row["size"] / len(lists.found))]
        told += [f"{significant(row['mean'], 3)} c", money(worth, decimals=2)]
        rows.append([Cell(text=text) for text in told])
    unit = f", {lists.currency}" if lists.currency else ""
    head = ["Reason", "Candidates", "Of all", "Worth of one", f"Worth a visit{unit}"]
    return Section(anchor="dropped", words=words, tables={"": Grid(head=head, groups={"": rows})})
