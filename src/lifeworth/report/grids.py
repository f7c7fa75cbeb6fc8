"""Tables as text: what the page and the terminal print."""

from dataclasses import dataclass, field

import pandas as pd

from lifeworth.report.density import by_quantity
from lifeworth.report.metrics import Metric, best, metric, shown, without_ends
from lifeworth.report.wording import money, number, share, significant


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One cell: its text, a smaller second line, and whether it stands out as good or as bad."""

    text: str
    small: str = ""
    strong: bool = False
    alarm: bool = False


Row = list[Cell]

KINDS = {"base": "the reference customer"}
"""Kinds of inputs under other names than their columns."""

MEASURES = {
    "bias": "Bias",
    "rmse": "RMSE",
    "crps": "CRPS",
    "coverage_50": "In 50 %",
    "coverage_90": "In 90 %",
    "pit_distance": "PIT",
}
"""Measures of a level after its means, and their column titles."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """A table of text.

    Attributes
    ----------
    head
        Column titles.
    groups
        Title to rows; the title "" is not shown. The first cell of a row names it.
    words
        Positions of the columns that hold words and are aligned left; the others hold numbers.
    """

    head: list[str]
    groups: dict[str, list[Row]]
    words: set[int] = field(default_factory=lambda: {0})


def _row(name: object, *texts: str) -> Row:
    return [Cell(text=str(name)), *(Cell(text=text) for text in texts)]


def holdout(frame: pd.DataFrame) -> Grid:
    """Return metrics as rows and models as columns; the value nearest its target stands out."""
    groups: dict[str, list[Row]] = {}
    for of in map(metric, without_ends(list(frame.select_dtypes("number").columns))):
        groups.setdefault(of.about, []).append(_metric_row(of, frame))
    return Grid(head=["", *frame["model"].astype(str)], groups=groups)


def _metric_row(of: Metric, frame: pd.DataFrame) -> Row:
    winner = best(of, frame[of.name])
    cells = [_metric_cell(of, row, i == winner) for i, (_, row) in enumerate(frame.iterrows())]
    return [Cell(text=of.kind.label, small=of.kind.meaning), *cells]


def _metric_cell(of: Metric, row: pd.Series, strong: bool) -> Cell:
    low, high = (row.get(f"{of.name}_{end}") for end in ("low", "high"))
    known = pd.notna(low) and pd.notna(high)
    interval = f"{shown(of, low)} to {shown(of, high)}" if known else ""
    apart = row.get(f"{of.name}_seeds_sd")
    seeds = f"seeds ± {shown(of, apart).lstrip('+')}" if pd.notna(apart) else ""
    small = "\n".join(text for text in (interval, seeds) if text)
    return Cell(text=shown(of, row[of.name]), small=small, strong=strong)


def differences(frame: pd.DataFrame) -> Grid:
    """Return metrics as rows and other models as columns; what an interval proves stands out."""
    by = {(str(row["metric"]), str(row["other"])): row for _, row in frame.iterrows()}
    others = list(frame["other"].astype(str).unique())
    groups: dict[str, list[Row]] = {}
    for of in map(metric, frame["metric"].astype(str).unique()):
        cells = [_difference_cell(of, by.get((of.name, other))) for other in others]
        row = [Cell(text=of.kind.label, small=_towards(of)), *cells]
        groups.setdefault(of.about, []).append(row)
    return Grid(head=["", *(f"less {other}" for other in others)], groups=groups)


def _towards(of: Metric) -> str:
    return "below zero: better" if of.kind.target == 0 else "above zero: better"


def _difference_cell(of: Metric, row: pd.Series | None) -> Cell:
    if row is None:
        return Cell(text=number(None))
    low, high = row["low"], row["high"]
    known = pd.notna(low) and pd.notna(high)
    interval = f"{_signed(of, low)} to {_signed(of, high)}" if known else ""
    better = high < 0 if of.kind.target == 0 else low > 0
    return Cell(text=_signed(of, row["difference"]), small=interval, strong=bool(known and better))


def _signed(of: Metric, value: float) -> str:
    text = shown(of, value)
    return text if value < 0 or text.startswith("+") else f"+{text}"


def deciles(frame: pd.DataFrame, *, cents: bool) -> Grid:
    """Return one row per decile: customers, expected and actual mean, interval, their ratio."""
    head = ["Decile", "Customers", "Expected", "Actual", "Interval of actual", "Actual / expected"]
    ordered = frame.sort_values("decile").astype({"decile": str}).iterrows()
    return Grid(head=head, groups={"": [_decile_row(row, cents=cents) for _, row in ordered]})


def _decile_row(row: pd.Series, *, cents: bool) -> Row:
    names = ("expected_mean", "actual_mean", "low", "high")
    values = [float(row[name]) for name in names]
    said = [money(v, decimals=2) if cents else number(v, 3) for v in values]
    ratio = number(values[1] / values[0], 2) if values[0] else number(None)
    interval = f"{said[2]} to {said[3]}"
    return _row(row["decile"], number(row["customers"]), said[0], said[1], interval, ratio)


def tiers(frame: pd.DataFrame, currency: str) -> Grid:
    """Return one row per tier: customers, value and its share, value per customer."""
    kinds = [kind for kind in ("expected", "realised") if f"{kind}_value" in frame.columns]
    sums = [f"{kind.capitalize()}, {currency}" for kind in kinds]
    head = ["Tier", "Customers", *sums, *(f"{kind.capitalize()} each" for kind in kinds)]
    return Grid(head=head, groups={"": [_tier_row(row, kinds) for _, row in frame.iterrows()]})


def reasons(frame: pd.DataFrame) -> Grid:
    """Return what each kind of input adds to a customer, a column for each tier."""
    tiers = list(dict.fromkeys(frame["tier"].astype(str)))
    wide = frame.pivot(index="kind", columns="tier", values="mean")
    kinds = list(dict.fromkeys(frame["kind"]))
    rows = [
        _row(KINDS.get(kind, kind), *(money(wide.loc[kind, tier], decimals=2) for tier in tiers))
        for kind in kinds
    ]
    sums = [money(float(wide[tier].sum()), decimals=2) for tier in tiers]
    return Grid(head=["", *tiers], groups={"": [*rows, _row("expected value", *sums)]})


def treated(frame: pd.DataFrame, currency: str) -> Grid:
    """Return one row per arm: customers, the forecast with it and without it, what happened."""
    head = ["Arm", "Customers", f"With it, {currency}", "Without it", "Difference", "Actual"]
    rows = [
        _row(
            row["arm"],
            number(row["customers"]),
            money(row["with_treatment"], decimals=2),
            money(row["without_treatment"], decimals=2),
            money(row["with_treatment"] - row["without_treatment"], decimals=2),
            money(row["actual"], decimals=2),
        )
        for _, row in frame.iterrows()
    ]
    return Grid(head=head, groups={"": rows})


def _tier_row(row: pd.Series, kinds: list[str]) -> Row:
    count = float(row["customers"])
    sums = [(row[f"{kind}_value"], row[f"share_of_{kind}"]) for kind in kinds]
    return [
        Cell(text=str(row["tier"])),
        Cell(text=number(count), small=share(row["share_of_customers"])),
        *(Cell(text=money(value, decimals=0), small=share(part)) for value, part in sums),
        *(Cell(text=money(value / count if count else None, decimals=2)) for value, _ in sums),
    ]


def params(frame: pd.DataFrame) -> Grid:
    """Return one row per parameter: estimate, standard error, interval, meaning."""
    head = ["Parameter", "Estimate", "Standard error", "Low", "High", "Meaning"]
    rows = [_param_row(row) for _, row in frame.iterrows()]
    return Grid(head=head, groups={"": rows}, words={0, 5})


def _param_row(row: pd.Series) -> Row:
    numbers = [significant(row[c], 5) for c in ("estimate", "se", "low", "high")]
    return _row(row["parameter"], *numbers, str(row["meaning"]))


def backtest(frame: pd.DataFrame) -> Grid:
    """Return one row per metric: its mean, lowest and highest value over the cut-offs."""
    groups: dict[str, list[Row]] = {}
    for name, values in frame.groupby("metric", sort=False)["value"]:
        of = metric(str(name))
        span = [shown(of, v) for v in (values.mean(), values.min(), values.max())]
        groups.setdefault(of.about, []).append(_row(of.kind.label, *span))
    return Grid(head=["", "Mean", "Lowest", "Highest"], groups=groups)


def by_segment(frame: pd.DataFrame, side: str) -> Grid:
    """Return one row per level, grouped by column: the measures of purchases or of value."""
    head = ["", "Customers", "Actual", "Expected", *MEASURES.values()]
    groups: dict[str, list[Row]] = {}
    for _, row in frame.iterrows():
        column = str(row["column"]).replace("_", " ")
        groups.setdefault(column, []).append(_segment_row(row, side))
    return Grid(head=head, groups=groups)


def _segment_row(row: pd.Series, side: str) -> Row:
    means = [float(row[f"{side}_{name}"]) for name in ("actual", "expected")]
    said = [money(v, decimals=2) if side == "value" else number(v, 3) for v in means]
    start = _row(row["level"], number(row["customers"]), *said)
    return start + [_metric_cell(metric(f"{side}_{name}"), row, strong=False) for name in MEASURES]


def learned(frame: pd.DataFrame) -> Grid:
    """Return one row per quantity: median and 90 % interval of the prior and of the posterior."""
    parts = ("prior", "posterior")
    rows = [
        [Cell(text=name), *(_spread(own.loc[own["part"] == part, "value"]) for part in parts)]
        for name, own in by_quantity(frame).items()
    ]
    return Grid(head=["", "Prior", "Posterior"], groups={"": rows})


def foreseen(frame: pd.DataFrame) -> Grid:
    """Return one row per quantity: observed, the prior's median and interval, and draws below."""
    rows = [
        [
            Cell(text=name),
            Cell(text=significant(own["observed"].iloc[0])),
            _spread(own["value"]),
            Cell(text=share((own["value"] < own["observed"]).mean(), 0)),
        ]
        for name, own in by_quantity(frame).items()
    ]
    return Grid(head=["", "Observed", "Prior", "Draws below observed"], groups={"": rows})


def _spread(draws: pd.Series) -> Cell:
    """Return the median and below it the 90 % interval."""
    if draws.empty:
        return Cell(text=number(None))
    low, middle, high = (significant(v, 3) for v in draws.quantile([0.05, 0.5, 0.95]))
    return Cell(text=middle, small=f"{low} to {high}")


def diagnostics(frame: pd.DataFrame) -> Grid:
    """Return one row per measure of the inference; those with a verdict stand out."""
    rows = [_diagnostic(row) for _, row in frame.iterrows()]
    return Grid(head=["", "Value", "Good", "Verdict"], groups={"": rows}, words={0, 2, 3})


def _diagnostic(row: pd.Series) -> Row:
    value, verdict = float(row["value"]), str(row["verdict"] or "")
    said = number(value) if value.is_integer() else significant(value)
    fine = [Cell(text=str(row["measure"])), Cell(text=said, alarm=bool(verdict))]
    return [*fine, Cell(text=str(row["good"])), Cell(text=verdict, alarm=bool(verdict))]
