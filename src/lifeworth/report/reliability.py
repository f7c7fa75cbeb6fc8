"""Are chances right: a figure and a table of what was said against what came."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from lifeworth.report.grids import Cell, Grid
from lifeworth.report.style import QUIET, SERIES, SYMBOLS, styled
from lifeworth.report.wording import number, share


def reliability_figure(tables: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Return what came against what was said, a line for each table of `evaluate.chances`."""
    most = max((float(t["chance_mean"].to_numpy().max()) for t in tables.values()), default=1.0)
    line = {"color": QUIET, "width": 1.0, "dash": "dot"}
    figure = go.Figure(
        go.Scatter(
            x=[0, most], y=[0, most], mode="lines", line=line, name="right", hoverinfo="skip"
        )
    )
    for place, (name, table) in enumerate(tables.items()):
        spread = {
            "array": table["high"] - table["came_share"],
            "arrayminus": table["came_share"] - table["low"],
        }
        figure.add_trace(
            go.Scatter(
                x=table["chance_mean"],
                y=table["came_share"],
                error_y={**spread, "thickness": 1.0, "width": 0},
                name=name,
                mode="lines+markers",
                line={"color": SERIES[place]},
                marker={"symbol": SYMBOLS[place], "size": 7},
            )
        )
    figure.update_xaxes(title_text="chance said", tickformat=".0%", rangemode="tozero")
    figure.update_yaxes(title_text="share that came", tickformat=".0%", rangemode="tozero")
    return styled(figure, 400)


def reliability_grid(table: pd.DataFrame) -> Grid:
    """Return a row for each group: of like chances, or as `reliability_by` names them.

    A group whose interval does not hold the mean chance stands out.
    """
    rows = [
        [
            Cell(text=_group(row)),
            Cell(text=number(row["shown"])),
            Cell(text=share(row["chance_mean"], 2)),
            Cell(
                text=share(row["came_share"], 2),
                small=f"{share(row['low'], 2)} to {share(row['high'], 2)}",
                alarm=not row["low"] <= row["chance_mean"] <= row["high"],
            ),
        ]
        for row in table.to_dict("records")
    ]
    return Grid(head=["Group", "Shown", "Chance said", "Share that came"], groups={"": rows})


def _group(row: dict[Any, Any]) -> str:
    """Return the name of a group: a bin, a word, or an interval of money."""
    name = row.get("group", row.get("bin"))
    if isinstance(name, pd.Interval):
        return f"{number(name.left, 2)} to {number(name.right, 2)}"
    return str(name)
