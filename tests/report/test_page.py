"""The page: it parses, needs nothing from outside, escapes names and leaves out what is absent."""

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from lifeworth.report.evidence import COLUMNS, Evidence, Totals
from lifeworth.report.grids import (
    by_segment,
    deciles,
    diagnostics,
    foreseen,
    holdout,
    learned,
    tiers,
)
from lifeworth.report.page import figure_json, page, write
from lifeworth.report.sections import sections
from lifeworth.report.style import empty
from lifeworth.tables.errors import InputError

VOID = {"meta", "br", "img", "link", "hr", "input"}
HOSTILE = "<script>alert('5')</script>"


class Outline(HTMLParser):
    """Tags, ids, links and text of a page; refuses tags that are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0
        self.ids: list[str] = []
        self.references: list[tuple[str, str]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        found = {name: value or "" for name, value in attrs}
        self.ids += [found["id"]] if "id" in found else []
        self.references += [(tag, found[a]) for a in ("src", "href", "data") if a in found]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text.append(data.strip())


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    found.close()
    assert found.open == []
    return found


@pytest.fixture(scope="module")
def html(whole: Evidence) -> str:
    return page(whole)


def test_page_needs_nothing_from_outside(html: str) -> None:
    found = outline(html)
    assert {tag for tag, _ in found.references} == {"a"}
    assert all(target.startswith("#") for _, target in found.references)


def test_policy_forbids_the_network(html: str) -> None:
    assert "Content-Security-Policy\" content=\"default-src 'none'" in html
    assert "@import" not in html.split("</style>")[0]
    assert "url(" not in html.split("</style>")[0]


def test_contents_lead_to_every_section(html: str) -> None:
    found = outline(html)
    assert [target[1:] for _, target in found.references] == found.ids
    assert found.ids == [
        *("holdout", "tracking", "calibration", "tiers", "reasons", "treated"),
        *("alive", "pit", "by_segment", "backtest"),
        *("posterior", "forest", "prior_predictive", "diagnostics", "chains", "curves"),
        *("params", "facts"),
    ]


def test_headline_and_notes_are_on_the_page(html: str) -> None:
    text = " ".join(outline(html).text)
    assert "Forecast 612,000 USD against 684,000 USD realised by 23,570 customers" in text
    assert "error -12.1 %" in text
    assert "Value is revenue: the source has no costs." in text


def _named(evidence: Evidence, name: str) -> Evidence:
    """Return the evidence with one name for everything that has one."""
    frames = {
        "holdout": "model",
        "tiers": "tier",
        "params": "meaning",
        "by_segment": "level",
        "posterior": "quantity",
        "forest": "quantity",
        "prior_predictive": "quantity",
        "diagnostics": "verdict",
        "chains": "quantity",
    }
    named = {n: getattr(evidence, n).assign(**{c: name}) for n, c in frames.items()}
    return replace(evidence, title=name, notes=[name], facts={name: name}, **named)


def test_names_are_escaped(whole: Evidence) -> None:
    found = outline(page(_named(whole, HOSTILE)))
    assert found.scripts == outline(page(_named(whole, "harmless"))).scripts
    assert found.text.count(HOSTILE) >= 20


def test_every_part_has_its_own_elbo(whole: Evidence) -> None:
    assert whole.elbo is not None
    both = pd.concat([whole.elbo, whole.elbo.assign(quantity="spend")])
    (section,) = [s for s in sections(replace(whole, elbo=both)) if s.anchor == "diagnostics"]
    titles = [picture.title for picture in section.pictures]
    assert titles == [f"Evidence lower bound (ELBO), {n}" for n in ("purchases", "spend")]


def test_a_figure_cannot_end_its_script() -> None:
    words = "</script><!-- & -->"
    text = figure_json(empty(words))
    assert not set("<>&") & set(text)
    assert json.loads(text)["layout"]["annotations"][0]["text"] == words


@pytest.mark.parametrize(
    ("name", "anchor"),
    [
        ("purchase_deciles", "calibration"),
        ("value_deciles", "calibration"),
        ("holdout", "holdout"),
        ("weekly", "tracking"),
        ("alive", "alive"),
        ("tiers", "tiers"),
        ("pit", "pit"),
        ("backtest", "backtest"),
        ("params", "params"),
        ("by_segment", "by_segment"),
        ("posterior", "posterior"),
        ("forest", "forest"),
        ("prior_predictive", "prior_predictive"),
        ("diagnostics", "diagnostics"),
        ("elbo", "diagnostics"),
        ("chains", "chains"),
        ("curves", "curves"),
        ("reasons", "reasons"),
        ("treated", "treated"),
    ],
)
def test_a_missing_part_is_left_out(
    whole: Evidence, bare: Evidence, name: str, anchor: str
) -> None:
    frame = getattr(whole, name)
    assert [s.anchor for s in sections(replace(bare, **{name: frame}))] == [anchor]
    assert sections(replace(bare, **{name: frame.head(0)})) == []


def test_bare_evidence_gives_a_page(bare: Evidence) -> None:
    found = outline(page(bare))
    assert found.ids == []
    assert "A small shop" in found.text


def test_edge_cases_give_pages(one_row: Evidence, zeros: Evidence, totals: Totals) -> None:
    nobody = replace(totals, customers=0, forecast_value=0.0, realised_value=0.0)
    for evidence in (one_row, zeros, replace(zeros, totals=nobody)):
        assert "nan" not in " ".join(outline(page(evidence)).text).lower().split()


def test_a_frame_without_a_column_is_refused(bare: Evidence) -> None:
    frame = pd.DataFrame({"week_start": [], "actual": [], "expected": []})
    with pytest.raises(InputError, match=r"weekly lacks 1 of 4 columns, first 'part'"):
        replace(bare, weekly=frame)


@pytest.mark.parametrize("name", sorted(COLUMNS))
def test_every_frame_is_refused_without_its_last_column(
    whole: Evidence, bare: Evidence, name: str
) -> None:
    last = COLUMNS[name][-1]
    with pytest.raises(InputError, match=f"{name} lacks 1 of {len(COLUMNS[name])} columns"):
        replace(bare, **{name: getattr(whole, name).drop(columns=last)})


def test_the_band_is_explained_where_it_is_drawn(whole: Evidence) -> None:
    assert whole.weekly is not None
    words = {s.anchor: s.words for s in sections(whole)}
    assert "futures" in words["tracking"].read
    assert "ELBO" in words["diagnostics"].read
    without = replace(whole, weekly=whole.weekly.drop(columns="low"), elbo=None)
    words = {s.anchor: s.words for s in sections(without)}
    assert "futures" not in words["tracking"].read
    assert "ELBO" not in words["diagnostics"].read + words["diagnostics"].bad


def test_only_eight_quantities_are_open_and_the_others_folded(
    whole: Evidence, bare: Evidence
) -> None:
    assert whole.posterior is not None
    assert whole.chains is not None
    own = whole.posterior[whole.posterior["quantity"] == "effect of price"]
    many = pd.concat([own.assign(quantity=f"q{i}") for i in range(19)])
    links = pd.concat([whole.chains.assign(quantity=f"q{i}") for i in range(9)])
    learned, ran = sections(replace(bare, posterior=many, chains=links))
    assert [p.title for p in learned.pictures] == [f"q{i}" for i in range(8)]
    folded = {title: len(pictures) for title, pictures in learned.folded.items()}
    assert folded == {"Quantities 9 to 16": 8, "Quantities 17 to 19": 3}
    assert len(ran.pictures) == 16
    assert [p.title for p in ran.folded["Quantities 9 to 9"]] == ["q8", "q8: ranks"]


@pytest.mark.parametrize("name", ["posterior", "prior_predictive", "chains"])
def test_draws_that_are_all_missing_give_no_section(
    whole: Evidence, bare: Evidence, name: str
) -> None:
    missing = getattr(whole, name).assign(value=float("nan"))
    assert sections(replace(bare, **{name: missing})) == []


def test_a_page_with_many_quantities_stays_small(whole: Evidence) -> None:
    assert whole.chains is not None
    many = pd.concat([whole.chains.assign(quantity=f"q{i}") for i in range(24)])
    assert len(page(replace(whole, chains=many)).encode()) < 6_000_000


def test_write_leaves_one_readable_file(bare: Evidence, tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    assert write(bare, path) == path
    write(replace(bare, title="Second"), path)
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]
    assert "<title>Second</title>" in path.read_text(encoding="utf-8")


def test_a_failed_write_keeps_the_old_file(
    bare: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(bare, tmp_path / "report.html")
    before = path.read_bytes()

    def broken(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="disk full"):
        write(replace(bare, title="Second"), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_holdout_table_has_intervals_and_marks_the_best(whole: Evidence) -> None:
    assert whole.holdout is not None
    row = next(
        row
        for row in holdout(whole.holdout).groups["Value per customer"]
        if row[0].text == "Mean absolute error"
    )
    assert [(c.text, c.small, c.strong) for c in row[1:]] == [
        ("30.41", "29.11 to 31.90", True),
        ("42.11", "", False),
    ]


def test_tables_of_deciles_and_tiers(whole: Evidence) -> None:
    assert whole.value_deciles is not None
    first = deciles(whole.value_deciles, cents=True).groups[""][0]
    assert [c.text for c in first] == ["1", "2,357", "9.00", "9.90", "9.00 to 10.80", "1.10"]
    assert whole.tiers is not None
    top = tiers(whole.tiers, "USD").groups[""][0]
    assert [c.text for c in top] == ["VIP", "2,357", "392,000", "409,000", "166.31", "173.53"]
    assert [c.small for c in top] == ["", "10.0 %", "64.0 %", "60.0 %", "", ""]


def test_table_of_segments(whole: Evidence) -> None:
    assert whole.by_segment is not None
    groups = by_segment(whole.by_segment, "value").groups
    assert list(groups) == ["country", "first product"]
    row = groups["country"][1]
    texts = ["(others)", "30", "12.00", "10.00", "–", "4.00", "3.00", "50.0 %", "88.0 %", "0.020"]
    assert [c.text for c in row] == texts
    assert row[8].small == "86.0 % to 91.0 %"


def test_a_diagnostic_with_a_verdict_stands_out(whole: Evidence, html: str) -> None:
    assert whole.diagnostics is not None
    fine, bad = diagnostics(whole.diagnostics).groups[""]
    assert [c.text for c in fine] == ["largest R-hat", "1.003", "below 1.01", ""]
    assert [c.alarm for c in fine] == [False] * 4
    assert [c.text for c in bad if c.alarm] == ["12", "raise the target acceptance"]
    assert html.count('<tr class="alarm">') == 1


def test_tables_of_the_prior(whole: Evidence) -> None:
    assert whole.prior_predictive is not None
    share, spend = foreseen(whole.prior_predictive).groups[""]
    assert [c.text for c in share][1:] == ["0.7550", "0.500", "75 %"]
    assert share[2].small == "0.0500 to 0.950"
    assert spend[3].text == "100 %"
    only = pd.DataFrame({"quantity": ["q"], "part": ["prior"], "value": [2.0]})
    assert [c.text for c in learned(only).groups[""][0]] == ["q", "2.00", "–"]
