"""The verb board: a run of a simulated store, its files and page, and wrong input in words."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lifeworth.decide.board import in_order
from lifeworth.run.board_file import DEFAULT, EXAMPLE, read_board_file
from lifeworth.run.cli import main
from lifeworth.tables.errors import InputError

SMALL = ("experiment=clv_simulated", "debug=fast", "data.world.customers=400")

OURS = """
actions:
  call: {cost: 20, channel: phone, kpi: kept, capacity: 5}
  mail: {cost: 0.5, channel: e-mail}
rules:
  save: {when: tier >= 'High' and p_alive < .9, action: call, uplift: .5, priority: 1}
  write: {
    when: p_alive > .2 or frequency_down, unless: complaint, action: mail, uplift: .05, priority: 2
  }
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, lifeworth: Callable) -> Path:
    cwd = tmp_path_factory.mktemp("simulated")
    printed = lifeworth("run", *SMALL, "hydra.run.dir=run", cwd=cwd)
    assert printed.status == 0, printed.err
    return cwd / "run"


@pytest.fixture
def rules(tmp_path: Path) -> Callable[[str], str]:
    def written(text: str) -> str:
        (tmp_path / "board.yaml").write_text(text)
        return f"rules={tmp_path / 'board.yaml'}"

    return written


def read(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_parquet(folder / f"{name}.parquet")


def test_a_board_of_ones_own_within_a_budget(run: Path, rules, tmp_path: Path, capsys) -> None:
    words = [f"run={run}", rules(OURS), "budget=60", "most=2", f"out={tmp_path / 'out'}"]
    assert main(["board", *words]) == 0
    actions, table = read(tmp_path / "out", "actions"), read(tmp_path / "out", "rules")
    columns = ["customer_id", "place", "action", "channel", "rule", "why", "cost", "margin"]
    assert actions.columns.tolist() == columns
    assert actions["cost"].sum() <= 6000
    assert (actions["action"] == "call").sum() <= 5
    scores = read(run, "scores").set_index("customer_id")
    value = scores["expected_value"].loc[actions["customer_id"]].to_numpy()
    uplift = np.where(actions["action"] == "call", 0.5, 0.05)
    np.testing.assert_allclose(actions["margin"], uplift * value)
    assert (actions["margin"] > actions["cost"]).all()
    first = actions[actions["rule"] == "save"].iloc[0]
    said = f"tier = {scores.loc[first['customer_id'], 'tier']} and p_alive "
    assert first["why"].startswith(said)
    text = pd.read_csv(tmp_path / "out" / "actions.csv", dtype={"customer_id": str})
    assert text["why"].tolist() == actions["why"].tolist()
    sums = actions.groupby("rule")["margin"].sum()
    for _, row in table.iterrows():
        assert row["margin"] == pytest.approx(sums.get(row["rule"], 0.0))
    page = (tmp_path / "out" / "board.html").read_text()
    for words in ("What was left out", "What early warnings are worth", "Break-even uplift"):
        assert words in page
    printed = capsys.readouterr().out
    assert "get" in printed.splitlines()[0]
    assert printed.splitlines()[-1].startswith("Page: ")


def test_triggers_of_the_page_are_those_of_the_run(run: Path, tmp_path: Path) -> None:
    assert main(["board", f"run={run}", f"out={tmp_path}"]) == 0
    warnings, flags = read(tmp_path, "warnings").set_index("trigger"), read(tmp_path, "triggers")
    assert flags["customer_id"].tolist() == read(run, "scores")["customer_id"].tolist()
    for name in warnings.index:
        assert warnings.loc[name, "flagged"] == flags[name].sum()
    assert (flags["recency_long"] == (flags["days_since_last"] > 45)).all()


def test_the_board_that_comes_along_follows_personas(run: Path, tmp_path: Path) -> None:
    names = ["Champions", "Potential Loyalists", "At Risk", "Hibernating"]
    names += ["New/Low Value", "Lost/Inactive", "VIP Outliers"]
    ids = read(run, "scores")["customer_id"]
    personas = np.resize(names, len(ids))
    pd.DataFrame({"customer_id": ids, "persona": personas}).to_parquet(
        tmp_path / "personas.parquet"
    )
    out = tmp_path / "out"
    assert main(["board", f"run={run}", f"personas={tmp_path}", "most=3", f"out={out}"]) == 0
    actions, table = read(out, "actions"), read(out, "rules")
    assert (table["resting"] == "").all()
    assert (table["guarded"] > 0).any()
    persona = dict(zip(ids, personas, strict=True))
    mine = actions[actions["rule"] == "lost archive"]
    assert len(mine)
    assert {persona[name] for name in mine["customer_id"]} == {"Lost/Inactive"}
    assert mine["why"].eq("persona = Lost/Inactive").all()
    assert (table.loc[table["rule"].str.startswith("loyalists"), "fires"] > 0).all()
    assert (actions.groupby("customer_id").size() <= 3).all()


def test_every_rule_of_the_board_that_comes_along_has_its_own_priority() -> None:
    board = read_board_file(DEFAULT)
    assert len({rule.priority for rule in board.rules}) == len(board.rules) == len(in_order(board))
    assert {rule.action for rule in board.rules} == {action.name for action in board.actions}
    assert all(action.kpi and action.does and action.channel for action in board.actions)
    assert all(rule.objective for rule in board.rules)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tier >=", "tierr >=", "rule save: there is no column tierr, did you mean 'tier'?"),
        (
            "action: mail,",
            "action: mial,",
            "rule write: there is no action mial, did you mean 'mail'",
        ),
        ("priority: 2", "priority: 1", "rule write: it has priority 1 as rule save has"),
        ("uplift: .5,", "", "board.yaml, rule save: uplift is missing"),
        ("uplift: .5,", "upift: .5,", "board.yaml, rule save: there is no 'upift', did you mean"),
        (
            "capacity: 5",
            "capacity: -5",
            "board.yaml, action call: capacity: -5 has to be 0 or more; write capacity: 0, say",
        ),
        (
            "cost: 20",
            "cost: dear",
            "board.yaml, action call: cost: dear has to be a number; write cost: 0.5, say",
        ),
        ("rules:", "rulez:", "board.yaml: there is no 'rulez', did you mean 'rules'?"),
        ("rules:", "rules: [", "board.yaml: line 5: a bracket opens here and is not closed where"),
        ("e-mail}", "e-mail", "board.yaml: line 4: a brace opens here and is not closed"),
        (
            "e-mail}",
            'e-mail"}\n  x: "',
            "board.yaml: line 5: a quote opens here and is not closed; close",
        ),
        ("  save:", " save:", "board.yaml: line 7: it is indented otherwise than the lines that"),
        ("  save:", "\tsave:", "board.yaml: line 6: it begins with a tab; indent it with spaces"),
        ("rules:", "rules", "board.yaml: line 5: a name has no colon; write NAME: VALUE, as in"),
        ("actions:", "actions: our: ", "board.yaml: line 2: a colon stands where none may be, or"),
        ("when: tier >=", "when: @tier >=", "board.yaml: line 6: text begins with a sign that"),
        ("kpi: kept", 'kpi: "${kept"', "board.yaml: ${ opens here and is not closed"),
        ("p_alive < .9", "p_alive < .9 and p_alive > .95", "rule save: nobody can fulfil"),
        ("kpi: kept,", "kpi: kept, cost: 30,", "board.yaml: line 3: a name is there twice"),
        (OURS, "[1]", "board.yaml: it has no actions and rules; write both by name, as in"),
        (OURS, "", "board.yaml: it has no actions and rules; write both by name, as in"),
        (OURS, "7", "board.yaml: it cannot be read as actions and rules; write both by name"),
    ],
)
def test_what_is_wrong_with_a_file_of_rules(run: Path, rules, capsys, old, new, says) -> None:
    assert main(["board", f"run={run}", rules(OURS.replace(old, new))]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert "while " not in told  # the parser's own words


def test_a_file_of_rules_that_is_no_text_and_the_example_that_is_told(tmp_path, capsys) -> None:
    (tmp_path / "board.yaml").write_bytes("# Käse\n".encode("latin-1"))
    assert main(["board", "run=none", f"rules={tmp_path / 'board.yaml'}"]) == 2
    assert "board.yaml: it is not UTF-8 text (byte 3); save it as" in capsys.readouterr().err
    (tmp_path / "board.yaml").write_text(EXAMPLE)
    assert [rule.action for rule in read_board_file(tmp_path / "board.yaml").rules] == ["mail"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["rules=none.yaml"], "none.yaml: there is no such file; name a YAML file"),
        (["budget=-1"], "lifeworth board: budget=-1 has to be 0 or more; give budget=20000, say"),
        (["most=0"], "lifeworth board: most=0 has to be 1 or more; give most=1, say"),
        (["margin=40"], "lifeworth board: margin=40 has to be at most 1; give margin=0.4, say"),
        (["personas=nowhere"], "nowhere: there is no such file"),
    ],
)
def test_wrong_words(run: Path, capsys, words, says) -> None:
    assert main(["board", f"run={run}", *words]) == 2
    assert says in capsys.readouterr().err


def test_the_names_of_a_run_of_personas_are_what_rules_read(
    run: Path, tmp_path: Path, capsys
) -> None:
    """Its own column persona holds numbers; that its day is another is told."""
    ids = pd.read_parquet(run / "scores.parquet")["customer_id"]
    names = np.resize(["Champions", "At Risk"], len(ids))
    told = pd.DataFrame({"customer_id": ids, "persona": np.arange(len(ids)), "name": names})
    told.assign(as_of=dt.date(2001, 2, 3)).to_parquet(tmp_path / "personas.parquet")
    out = tmp_path / "out"
    board = tmp_path / "board.yaml"
    board.write_text(
        "actions: {hello: {cost: 0.01, channel: e-mail, kpi: answers, does: says hello}}\n"
        "rules: {ours: {when: persona = 'Champions', action: hello, uplift: .5, priority: 1}}\n"
    )
    words = [f"run={run}", f"personas={tmp_path}", f"rules={board}", f"out={out}"]
    assert main(["board", *words]) == 0
    actions = pd.read_parquet(out / "actions.parquet")
    assert len(actions) > 100
    assert "Personas are as of 2001-02-03, scores as of" in capsys.readouterr().out
    assert set(actions["why"]) == {"persona = Champions"}


def test_a_file_without_personas_is_refused(run: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "nobody.csv"
    path.write_text("customer_id,group\n1,a\n")
    assert main(["board", f"run={run}", f"personas={path}"]) == 2
    assert "has neither name nor persona" in capsys.readouterr().err


def test_personas_of_other_customers_are_refused(run: Path, tmp_path: Path, capsys) -> None:
    path = tmp_path / "personas.csv"
    path.write_text("customer_id,persona\nnobody,Champions\n")
    assert main(["board", f"run={run}", f"personas={path}"]) == 2
    assert "none of the 1 customers" in capsys.readouterr().err


def test_personas_by_number_are_refused_where_rules_name_them(
    run: Path, tmp_path: Path, capsys
) -> None:
    ids = pd.read_parquet(run / "scores.parquet")["customer_id"]
    told = pd.DataFrame({"customer_id": ids, "persona": np.arange(len(ids)) % 3})
    told.to_csv(tmp_path / "personas.csv", index=False)
    assert main(["board", f"run={run}", f"personas={tmp_path / 'personas.csv'}"]) == 2
    said = capsys.readouterr().err
    assert "are '0', '1', '2', and rules name 'VIP Outliers'" in said
    assert "the column name" in said


def test_a_rule_of_personas_without_any_asks_for_them(run: Path, rules, capsys) -> None:
    own = OURS.replace("p_alive > .2 or frequency_down", "persona = 'Champions'")
    assert main(["board", f"run={run}", rules(own)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("board.yaml, rule write: it reads persona")
    assert "give personas=FOLDER" in said


@pytest.mark.parametrize(
    ("uplift", "says"),
    [("5", "its uplift is 5; write shares, such as 0.05 for 5 %"), (".nan", "write .05 for 5 %")],
)
def test_an_uplift_of_a_file_that_is_no_share_is_refused(
    run: Path, rules, capsys, uplift, says
) -> None:
    assert (
        main(["board", f"run={run}", rules(OURS.replace("uplift: .05", f"uplift: {uplift}"))]) == 2
    )
    assert says in capsys.readouterr().err


def test_a_number_that_yaml_takes_for_text_is_a_number(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(OURS.replace("uplift: .05", "uplift: -.05"))
    assert [rule.uplift for rule in read_board_file(tmp_path / "b.yaml").rules] == [0.5, -0.05]


def test_help(capsys) -> None:
    assert main(["board", "--help"]) == 0
    out = capsys.readouterr().out
    assert "most=..." in out
    assert "rules=board.yaml" in out


def test_a_file_that_holds_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- a\n")
    with pytest.raises(InputError, match="it has no actions and rules"):
        read_board_file(tmp_path / "list.yaml")
