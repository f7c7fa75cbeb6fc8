"""The verb score: models of two runs on the same store, on the store of later, and wrong input."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import yaml

from lifeworth.asof.split import latest
from lifeworth.models.store import load
from lifeworth.run.cli import main
from lifeworth.run.score import OF_ACTION
from lifeworth.tables.simulate import World, simulate
from lifeworth.tables.sources.files import Files

KEPT = ["customer_id", "order_id", "ordered_at", "amount_cents", "cogs_cents"]
NAMED = {name.removesuffix("_cents"): name for name in KEPT}
HORIZON = 90
SPLIT = ("split=latest", f"split.horizon_days={HORIZON}", "split.window_days=null", "resamples=5")
RUNS = {
    "value": ("model=btyd_bgnbd", "debug=fast"),
    "personas": ("model=personas_default", "model.min_cluster_size=40"),
}
DELETED = 3


class Shop(NamedTuple):
    """A shop: its data when models were fitted and seven months later, and the two runs."""

    folder: Path
    value: Path
    personas: Path

    def orders(self, when: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / when / "orders.csv", dtype={"customer_id": str})

    def history(self, when: str):
        source = Files(
            folder=str(self.folder / when),
            file="orders.csv",
            columns=NAMED,
            currency="USD",
            units="cents",
        )
        return latest(source.load())


def write(folder: Path, orders: pd.DataFrame) -> Path:
    folder.mkdir(exist_ok=True)
    orders[KEPT].to_csv(folder / "orders.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, lifeworth: Callable) -> Shop:
    folder = tmp_path_factory.mktemp("shop")
    orders = simulate(World(customers=500, arrival_days=600.0, days=730.0), 0).frames["orders"]
    before = orders[orders["ordered_at"] < "2023-06-01"]
    then = write(folder / "then", before)
    deleted = sorted(before["customer_id"].unique())[:DELETED]
    write(folder / "later", orders[~orders["customer_id"].isin(deleted)])
    data = [f"data.columns.{ours}={theirs}" for ours, theirs in NAMED.items()]
    data += ["data=files", "data.file=orders.csv", "data.currency=USD", "data.units=cents"]
    for name, model in RUNS.items():
        words = [*data, f"data.folder={then}", *SPLIT, *model, f"hydra.run.dir={name}"]
        printed = lifeworth("run", *words, cwd=folder)
        assert printed.status == 0, printed.err
    return Shop(folder, folder / "value", folder / "personas")


class Scored(NamedTuple):
    """What a call left and said."""

    table: pd.DataFrame
    actions: pd.DataFrame
    folder: Path
    said: str


def score(out: Path, *words: str) -> Scored:
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["score", f"out={out}", *words]) == 0
    table, actions = (pd.read_parquet(out / f"{name}.parquet") for name in ("scored", "actions"))
    return Scored(table, actions, out, said.getvalue())


@pytest.fixture(scope="module")
def same(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    words = [f"run={shop.value}", f"personas={shop.personas}", "most=2", "budget=30"]
    return score(tmp_path_factory.mktemp("same"), *words)


@pytest.fixture(scope="module")
def later(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Scored:
    words = [f"run={shop.value}", f"personas={shop.personas}", f"data={shop.folder / 'later'}"]
    return score(tmp_path_factory.mktemp("later"), *words)


def test_the_data_of_the_run_get_the_scores_and_personas_of_the_runs(
    shop: Shop, same: Scored
) -> None:
    run = pd.read_parquet(shop.value / "scores.parquet")
    pd.testing.assert_frame_equal(same.table[run.columns], run, rtol=1e-9)
    people = pd.read_parquet(shop.personas / "personas.parquet")
    assert same.table["customer_id"].tolist() == people["customer_id"].tolist()
    assert same.table["persona"].tolist() == people["name"].tolist()
    assert same.table["nearest_persona"].tolist() == people["nearest_name"].tolist()
    np.testing.assert_allclose(same.table["persona_probability"], people["probability"], rtol=1e-9)
    assert not same.table["new"].any()
    assert "Note: The value model is of 2023-06-01, and so are scores." in same.said


def test_actions_are_those_of_the_verb_board(shop: Shop, same: Scored, tmp_path: Path) -> None:
    words = [f"run={shop.value}", f"personas={shop.personas}", "most=2", "budget=30"]
    assert main(["board", *words, f"out={tmp_path}"]) == 0
    pd.testing.assert_frame_equal(same.actions, pd.read_parquet(tmp_path / "actions.parquet"))
    assert (same.actions["place"] == 2).any()
    assert same.actions["why"].str.contains("persona = ").any()


def test_a_customers_actions_stand_beside_the_value_with_all_that_is_said_of_them(
    same: Scored,
) -> None:
    mine = {(row.customer_id, row.place): row for row in same.actions.itertuples(index=False)}
    for place in (1, 2):
        own = [f"{name}_{place}" for name in OF_ACTION]
        for name, said in same.table.set_index("customer_id")[own].iterrows():
            action = mine.get((name, place))
            if action:
                assert said.tolist() == [getattr(action, what) for what in OF_ACTION]
            else:
                assert said.tolist()[:4] == [""] * 4
                assert said.iloc[4:].isna().all()


def test_the_store_of_later_is_scored_by_the_models_doors(shop: Shop, later: Scored) -> None:
    orders, run = shop.orders("later"), pd.read_parquet(shop.value / "scores.parquet")
    table = later.table
    assert table["customer_id"].tolist() == sorted(orders["customer_id"].unique())
    then = set(shop.orders("then")["customer_id"])
    assert table["new"].tolist() == [name not in then for name in table["customer_id"]]
    assert 20 < table["new"].sum() < len(table)
    history = shop.history("later")
    forecast = load(shop.value / "fitted").score(history, HORIZON).frame
    own = ["expected_purchases", "p_alive", "p_active"]
    pd.testing.assert_frame_equal(table[own], forecast[own], rtol=1e-9)
    for name in ("expected_value", "value_sd", "value_q50", "value_q95"):
        assert table[name].tolist() == forecast[name].round().tolist()
    members = load(shop.personas / "fitted").score(history, HORIZON).frame
    assert table["persona"].tolist() == members["persona_name"].tolist()
    np.testing.assert_allclose(table["persona_probability"], members["probability"], rtol=1e-9)
    assert set(table["as_of"].astype(str)) == {str(history.cutoff)}
    for name, tiers in (("VIP", "VIP"), ("High", "VIP High"), ("Med", "VIP High Med")):
        most = run.loc[~run["tier"].isin(tiers.split()), "expected_value"].max()
        above = table["expected_value"] > most
        assert table["tier"].isin(tiers.split()).tolist() == above.tolist(), name


def test_what_is_new_old_or_gone_is_told(shop: Shop, later: Scored) -> None:
    new, cutoff = int(later.table["new"].sum()), later.table["as_of"].iloc[0]
    days = (pd.Timestamp(cutoff) - pd.Timestamp("2023-06-01")).days
    old = f"{days} days later; that is longer than the 90 it looks ahead, fit it again"
    assert f"of 2023-06-01, scores are of {cutoff}: {old}." in later.said
    assert f"{new} of {len(later.table)} customers are new to the run." in later.said
    assert f"{DELETED} customers of the run are in its window no more" in later.said
    found = json.loads((shop.personas / "scorecard.json").read_text())["cutoff"]
    assert found != "2023-06-01"
    assert f"Personas were found as of {found}, the value model as of 2023-06-01" in later.said
    value = later.table["expected_value"].sum() / 100
    first = f"{len(later.table)} customers, {new} of them new, are expected to bring {value:,.0f}"
    assert later.said.startswith(first)


def test_files_for_shops_and_people(later: Scored) -> None:
    raw = (later.folder / "scored.csv").read_bytes()
    assert b"\r" not in raw
    text = pd.read_csv(io.BytesIO(raw), dtype={"customer_id": str}, keep_default_na=False)
    assert text["persona"].tolist() == later.table["persona"].tolist()
    assert text["expected_value"].tolist() == later.table["expected_value"].tolist()
    told = json.loads((later.folder / "scored.json").read_text())
    assert [c["name"] for c in told["columns"]] == later.table.columns.tolist()
    assert {c["name"] for c in told["columns"] if c["unit"] == "cents"} >= {"value_sd", "margin_1"}
    assert told["new"] == later.table["new"].sum()
    page = (later.folder / "scored.html").read_text()
    for words in ("side by side", "By persona", "By tier", "fit it again", "Rules and what they"):
        assert words in page


def test_the_table_adds_up(later: Scored) -> None:
    rows = [line.strip("│ ").split("│") for line in later.said.splitlines() if "│" in line]
    cells = {row[0].strip(): [cell.strip().replace(",", "") for cell in row[1:]] for row in rows}
    assert int(cells["all"][0]) == len(later.table)
    for name, own in later.table.groupby("tier"):
        assert [int(n) for n in cells[name][:2]] == [len(own), own["new"].sum()]
    acted = later.actions["customer_id"].isin(
        later.table.loc[later.table["persona"] == "Hibernating", "customer_id"]
    )
    assert int(cells["Hibernating"][3]) == acted.sum()


def test_value_alone_on_the_data_as_they_lie_there(shop: Shop, tmp_path: Path) -> None:
    found = score(tmp_path, f"run={shop.value}")
    assert "persona" not in found.table
    assert len(found.table) == len(pd.read_parquet(shop.value / "scores.parquet"))
    assert "By persona" not in found.said


def test_a_run_that_kept_no_floors_of_tiers_has_them_in_its_scores(
    shop: Shop, later: Scored, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(shop.value, tmp_path / "copy"))
    params = json.loads((copy / "params.json").read_text())
    floors = params.pop("tier_floors_cents")
    (copy / "params.json").write_text(json.dumps(params))
    run = pd.read_parquet(copy / "scores.parquet")
    below = {"VIP": ["High", "Med", "Low"], "High": ["Med", "Low"], "Med": ["Low"]}
    for name, tiers in below.items():
        most = run.loc[run["tier"].isin(tiers), "expected_value"].max()
        assert round(floors[name]) == most
    found = score(tmp_path / "out", f"run={copy}", f"data={shop.folder / 'later'}")
    assert found.table["tier"].tolist() == later.table["tier"].tolist()


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["score", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_runs_of_another_kind_are_refused(shop: Shop, tmp_path: Path, capsys) -> None:
    said = refused(capsys, f"run={shop.personas}")
    assert "is the run of personas, which say whom customers are like" in said
    said = refused(capsys, f"run={shop.value}", f"personas={shop.value}")
    assert "is no run of personas, there is no personas.parquet in it" in said
    said = refused(capsys, f"run={shop.value}", "personas=nowhere")
    assert "personas=nowhere is neither the folder of a run nor one of" in said
    (tmp_path / "mine.csv").write_text("customer_id,persona\n1,a\n")
    said = refused(capsys, f"run={shop.value}", f"personas={tmp_path / 'mine.csv'}")
    assert "is a file, which says nothing of new customers" in said


@pytest.mark.parametrize("what", ["value", "personas"])
def test_models_that_cannot_be_read_are_refused(shop: Shop, tmp_path: Path, capsys, what) -> None:
    runs = {"value": shop.value, "personas": shop.personas}
    runs[what] = Path(shutil.copytree(runs[what], tmp_path / "copy"))
    words = [f"run={runs['value']}", f"personas={runs['personas']}"]
    (runs[what] / "fitted" / "fitted.json").write_text('{"format": 1')
    assert "fitted.json is damaged" in refused(capsys, *words)
    other = shop.personas if what == "value" else shop.value
    shutil.copytree(other / "fitted", runs[what] / "fitted", dirs_exist_ok=True)
    said = "forecasts nothing" if what == "value" else "holds no personas but"
    assert said in refused(capsys, *words)


SHOPS: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "another shop": (
        lambda orders: orders.assign(customer_id="x" + orders["customer_id"]),
        "is in the data, for example 'c0000001' there and 'xc0000004' here; is it the same shop",
    ),
    "the newest orders alone": (
        lambda orders: orders[orders["ordered_at"] >= "2023-06"],
        "a score needs all orders of a customer, not the newest alone",
    ),
    "an end before the run's": (
        lambda orders: orders[orders["ordered_at"] < "2023-05-25"],
        "and the run of",
    ),
    "no costs any more": (
        lambda orders: orders.assign(cogs_cents=None),
        "value was margin in USD in the run of",
    ),
}


@pytest.mark.parametrize("case", SHOPS)
def test_data_that_are_not_the_runs_are_refused(shop: Shop, tmp_path: Path, capsys, case) -> None:
    changed, says = SHOPS[case]
    data = write(tmp_path / "data", changed(shop.orders("then" if "end" in case else "later")))
    assert says in refused(capsys, f"run={shop.value}", f"data={data}")
    assert not (shop.value / "scored").exists()


def test_data_that_are_not_there_are_told_with_a_word_of_the_verb(shop: Shop, capsys) -> None:
    said = refused(capsys, f"run={shop.value}", "data=nowhere")
    assert "the data folder 'nowhere' is not there; give data=FOLDER, the folder" in said
    assert "data.folder" not in said


def test_a_simulated_store_reads_no_folder(tmp_path: Path, shop: Shop, capsys) -> None:
    copy = Path(shutil.copytree(shop.value, tmp_path / "copy"))
    kept = copy / ".hydra" / "config.yaml"
    config = yaml.safe_load(kept.read_text())
    config["data"] = {"_target_": "lifeworth.tables.sources.Simulated", "folder": None}
    kept.write_text(yaml.safe_dump(config))
    assert "reads no folder; leave data= out" in refused(capsys, f"run={copy}", "data=newer")
