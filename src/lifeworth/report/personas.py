"""The report of personas: who they are, whether they are there, and what they tell."""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.text import Text

from lifeworth.evaluate.personas import LIMITS, Judgement, Verdict
from lifeworth.report.captions import Caption
from lifeworth.report.grids import Cell, Grid, Row
from lifeworth.report.persona_figures import heat_map, scatter, snake_plot, stacked, treemap
from lifeworth.report.sections import Picture, Section
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import money, number, share


@dataclass(frozen=True, kw_only=True)
class PersonaEvidence:
    """What the report of personas shows; frames as `run.persona_judging` makes them."""

    title: str
    subtitle: str
    currency: str
    verdict: Verdict
    legacy: Verdict
    judgement: Judgement
    profiles: pd.DataFrame
    snake: pd.DataFrame
    customers: pd.DataFrame
    uses: pd.DataFrame
    refits: pd.DataFrame | None = None
    shares: pd.DataFrame | None = None
    moved: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def headline(self) -> str:
        """Return whether to use them."""
        count = self.judgement.structure.personas
        return (
            f"{count} personas that hold" if self.verdict.passed else "These personas do not hold"
        )

    def tiles(self) -> list[tuple[str, Cell]]:
        """Return the few numbers at the top."""
        of = self.judgement
        ends = of.usefulness.eta_squared_interval
        return [
            ("Customers", Cell(text=number(len(self.customers)))),
            ("Personas", Cell(text=number(of.structure.personas))),
            (
                "Variance of log spend told",
                Cell(
                    text=share(of.usefulness.eta_squared),
                    small=f"{share(ends.low)} to {share(ends.high)}",
                ),
            ),
            ("Stability (Jaccard)", Cell(text=number(of.mean_stability, 2))),
        ]

    def sections(self) -> list[Section]:
        """Return the sections of the page."""
        made = [_verdict(self), _profiles(self), _shapes(self), _where(self), _compared(self)]
        return made if self.refits is None else [*made, _months(self, self.refits)]


def print_personas(evidence: PersonaEvidence, console: Console, report: Path) -> None:
    """Print the verdict, notes, the profiles and the path of the report."""
    console.print()
    console.print(Text(evidence.title, style="bold"))
    console.print(Text(f"{evidence.headline}."))
    console.print(Text(evidence.verdict.sentence))
    for note in evidence.notes:
        console.print(Text(f"Note: {note}", style="yellow"))
    console.print(Text(f"Means of each persona; money in {evidence.currency}:"))
    print_grid(_plain(_profile_grid(evidence)), console)
    print_path("Report", report, console)


def _plain(grid: Grid) -> Grid:
    """Return a table without its intervals, which are in the report."""
    groups = {
        title: [[Cell(text=cell.text) for cell in row] for row in rows]
        for title, rows in grid.groups.items()
    }
    return Grid(head=grid.head, groups=groups, words=grid.words)


def _verdict(evidence: PersonaEvidence) -> Section:
    words = Caption(
        "May they be used?",
        evidence.verdict.sentence,
        f"Any reason above. {evidence.legacy.sentence} That gate looks at the shape of clusters "
        "alone, and customers without any structure pass it.",
    )
    return Section(anchor="verdict", words=words, tables={"": _gate_grid(evidence)})


def _gate_grid(evidence: PersonaEvidence) -> Grid:
    of = evidence.judgement
    one, use = of.artefact, of.usefulness
    found = number(of.null.found, 3)
    most = number(float(of.null.permuted.max()), 3)
    told = {
        "Noise": (share(of.structure.noise_share), "at most 20 %"),
        "Silhouette": (number(of.structure.silhouette, 3), "above 0.05"),
        "DBCV": (number(of.structure.dbcv, 3), "below 0: no gap lies between personas"),
        "Relative validity of HDBSCAN": (
            number(of.structure.relative_validity, 4),
            "compares fits to the same customers; no DBCV",
        ),
        "Sum of persistence": (
            number(of.structure.persistence_sum, 3),
            "grows with the number of clusters",
        ),
        "Mean Jaccard stability": (number(of.mean_stability, 2), "at least 0.75"),
        "Least stable persona": (number(float(of.stability.min()), 2), "at least 0.5"),
        f"One column in disguise: {one.column}": (
            number(one.adjusted_rand, 3),
            f"adjusted Rand index at most 0.8 ({one.cut})",
        ),
        "Silhouette without structure": (most, f"below the {found} found"),
        "Log spend of unseen customers": (
            share(use.eta_squared_unseen),
            f"at least the {share(use.score_eta_squared)} of an RFM score in as many parts",
        ),
        "Gain beside RFM quintiles": (
            number(use.incremental, 3),
            f"interval {number(use.incremental_interval.low, 3)} to "
            f"{number(use.incremental_interval.high, 3)}: above 0, or as much as they tell",
        ),
    }
    rows: list[Row] = [
        [Cell(text=name), Cell(text=value), Cell(text=asked)]
        for name, (value, asked) in told.items()
    ]
    return Grid(head=["Measure", "Found", "Asked for"], groups={"": rows}, words={0, 2})


def _profiles(evidence: PersonaEvidence) -> Section:
    words = Caption(
        "Who they are",
        "Means of each persona as of the cut-off, the most valuable first, and beside them what "
        "its customers did in the horizon, which the personas have not seen. Small figures are "
        "90 % intervals from resampling customers. No persona: customers farther from every "
        "persona than its own customers are; VIP Outliers: those of them with high value.",
        "Intervals of two personas that overlap in every column: they are one.",
    )
    picture = Picture(title="Value held by personas", figure=treemap(evidence.profiles))
    return Section(
        anchor="profiles", words=words, pictures=[picture], tables={"": _profile_grid(evidence)}
    )


def _profile_grid(evidence: PersonaEvidence) -> Grid:
    head = ["Persona", "Customers", "Of value", "Days since", "Purchases", "Value", "Bought next",
            "Value next"]  # fmt: skip
    rows: list[Row] = []
    for _, row in evidence.profiles.iterrows():
        rows.append(
            [
                Cell(text=str(row["persona_name"])),
                Cell(text=number(int(row["customers"])), small=share(float(row["share"]))),
                Cell(text=share(float(row["value_share"]))),
                _days(row, "recency_days", 0),
                _days(row, "frequency", 1),
                _money(row, "monetary_cents"),
                _share(row, "bought_next"),
                _money(row, "value_next_cents"),
            ]
        )
    return Grid(head=head, groups={"": rows})


def _days(row: pd.Series, name: str, decimals: int) -> Cell:
    value, low, high = (number(float(row[n]), decimals) for n in _ends(name))
    return Cell(text=value, small=f"{low} to {high}")


def _money(row: pd.Series, name: str) -> Cell:
    value, low, high = (money(float(row[n]), decimals=0) for n in _ends(name))
    return Cell(text=value, small=f"{low} to {high}")


def _share(row: pd.Series, name: str) -> Cell:
    value, low, high = (share(float(row[n])) for n in _ends(name))
    return Cell(text=value, small=f"{low} to {high}")


def _ends(name: str) -> tuple[str, str, str]:
    return name, f"{name}_low", f"{name}_high"


def _shapes(evidence: PersonaEvidence) -> Section:
    words = Caption(
        "What sets them apart",
        "Mean rank of each persona's customers among all, column by column: 0 the lowest, 1 the "
        "highest; of recency the latest is highest.",
        "Lines that run side by side: one column orders the personas, and the others say nothing "
        "more.",
    )
    picture = Picture(title="Mean rank", figure=snake_plot(evidence.snake, evidence.profiles))
    return Section(anchor="shapes", words=words, pictures=[picture])


def _where(evidence: PersonaEvidence) -> Section:
    words = Caption(
        "Where they lie",
        "Left, fifths of recency by fifths of frequency: mean value, and the persona that most "
        "customers of the cell belong to. Right, a sample of customers by recency and value.",
        "A persona in one cell alone: the grid would have found it.",
    )
    cells = Picture(title=f"Mean value, {evidence.currency}", figure=heat_map(evidence.customers))
    dots = scatter(evidence.customers, evidence.profiles, evidence.currency)
    picture = Picture(title="Customers", figure=dots)
    return Section(anchor="where", words=words, pictures=[cells, picture], look="pairs")


def _compared(evidence: PersonaEvidence) -> Section:
    words = Caption(
        "What they tell of the horizon",
        "Share of the variance of log spend between personas, and the chance that a buyer's "
        "persona buys more often than a non-buyer's. Unseen: means of personas are taken from "
        "other customers, so that many small groups gain nothing by fitting noise.",
        "Personas that tell less than a plain grid of recency, frequency and money.",
    )
    rows: list[Row] = []
    for _, row in evidence.uses.iterrows():
        eta = f"{share(float(row['eta_squared_low']))} to {share(float(row['eta_squared_high']))}"
        area = f"{number(float(row['auc_low']), 3)} to {number(float(row['auc_high']), 3)}"
        rows.append(
            [
                Cell(text=str(row["model"])),
                Cell(text=number(int(row["personas"]))),
                Cell(text=share(float(row["eta_squared"])), small=eta),
                Cell(text=share(float(row["eta_squared_unseen"]))),
                Cell(text=number(float(row["auc"]), 3), small=area),
                Cell(text=number(float(row["auc_unseen"]), 3)),
                Cell(text=number(float(row["incremental"]), 3)),
            ]
        )
    head = ["Model", "Personas", "Log spend", "Unseen", "AUC", "AUC unseen", "Beside RFM"]
    return Section(anchor="compared", words=words, tables={"": Grid(head=head, groups={"": rows})})


def _months(evidence: PersonaEvidence, refits: pd.DataFrame) -> Section:
    words = Caption(
        "From month to month",
        "Personas fitted again at every cut-off, in the scales of the first, and matched to those "
        "before. Changed: customers whose persona the new fit alone changed, both models being "
        "asked about the same day; K-Means begins at the personas before. Beside it what a fit "
        "found anew would have changed, with its personas matched and unmatched. This chain begins "
        "at the first cut-off; the personas above were found at the last one alone, so that counts "
        "of one day differ between here and there.",
        f"More than {share(LIMITS.changed, 0)} changed by the fit alone: what looks like customers "
        "moving is the model.",
    )
    rows: list[Row] = [
        [
            Cell(text=str(row["cutoff"])),
            Cell(text=number(int(row["personas"]))),
            Cell(text=share(float(row["changed"])), alarm=bool(row["changed"] > LIMITS.changed)),
            Cell(text=share(float(row["anew"]))),
            Cell(text=share(float(row["anew_raw"]))),
            Cell(text=str(row["happened"])),
        ]
        for _, row in refits.iterrows()
    ]
    head = ["Cut-off", "Personas", "Changed", "Found anew", "Unmatched", "What happened"]
    tables = {"": Grid(head=head, groups={"": rows}, words={0, 5})}
    if evidence.moved is not None:
        tables["Who went where, from the last cut-off but one"] = _moved_grid(evidence.moved)
    pictures = []
    if evidence.shares is not None:
        pictures.append(Picture(title="Share of customers", figure=stacked(evidence.shares)))
    return Section(anchor="months", words=words, pictures=pictures, tables=tables)


def _moved_grid(moved: pd.DataFrame) -> Grid:
    wide = moved.pivot_table(index="before", columns="after", values="customers", fill_value=0)
    rows: list[Row] = [
        [Cell(text=str(name)), *(Cell(text=number(int(count))) for count in counts)]
        for name, counts in zip(wide.index, wide.to_numpy(), strict=True)
    ]
    return Grid(head=["Before", *map(str, wide.columns)], groups={"": rows})
