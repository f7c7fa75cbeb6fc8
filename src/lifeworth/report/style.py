"""Colours (Okabe and Ito's, which colour-blind readers can tell apart) and the look of figures."""

import plotly.graph_objects as go

ACTUAL = "#1f2933"
EXPECTED = "#0072B2"
EXPECTED_AREA = "#7FB8D8"
WARM = "#D55E00"
QUIET = "#9aa5b1"
GRID = "#e6e9ed"
INK = "#374151"
BAND = "#f3f6f9"

SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#4d4d4d", "#8a6d00")
"""One colour per model or metric, in order of appearance."""

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "hexagon")

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"

NUMBERS = ",.3~f"
"""d3 format of ticks that count: thousands separated, no needless zeros."""

_AXIS = {
    "gridcolor": GRID,
    "zerolinecolor": "#c4cbd3",
    "linecolor": "#c4cbd3",
    "ticks": "outside",
    "ticklen": 5,
    "tickcolor": "rgba(0, 0, 0, 0)",
    "automargin": True,
    "title": {"font": {"size": 12}, "standoff": 8},
}

LOOK = go.layout.Template(
    layout={
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "colorway": list(SERIES),
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "margin": {"l": 10, "r": 24, "t": 44, "b": 10},
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        "hoverlabel": {"font": {"family": FONT, "size": 12}},
        "separators": ".,",
        "dragmode": False,
    }
)


def styled(figure: go.Figure, height: int) -> go.Figure:
    """Return the same figure in the report's look, `height` pixels high and as wide as its page."""
    return figure.update_layout(template=LOOK, height=height, autosize=True)


def empty(words: str) -> go.Figure:
    """Return a figure that says why there is nothing to draw."""
    figure = styled(go.Figure(), 120)
    figure.add_annotation(text=words, showarrow=False, x=0.5, y=0.5, xref="paper", yref="paper")
    return figure.update_xaxes(visible=False).update_yaxes(visible=False)
