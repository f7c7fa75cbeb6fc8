"""`lifeworth run` on a randomised campaign: what it leaves and says, and whether that is true."""

import json
from dataclasses import replace
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from lifeworth.models.store import load
from lifeworth.models.uplift import MetaLearner
from lifeworth.run.campaign_policies import judge, rule_scores
from lifeworth.run.campaigns import check_sizes, checked, run, trial_of
from lifeworth.run.cli import main
from lifeworth.run.cross_fit import cross_fit
from lifeworth.tables.errors import InputError
from lifeworth.tables.simulate_campaign import CampaignWorld
from lifeworth.tables.sources import Hillstrom, SimulatedCampaign

SIMULATED = (
    "data=simulated_campaign",
    "campaign.monetary=mean_margin_cents",
    "campaign.frequency=orders",
    "campaign.folds=2",
)


@pytest.fixture(scope="module")
def config(composed, tmp_path_factory: pytest.TempPathFactory):
    where = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    words = [*SIMULATED, "model=uplift_dr_learner", f"tracking_uri=sqlite:///{where}"]
    return composed(*words)


@pytest.fixture(scope="module")
def folder(config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    run(config, folder)
    return folder


def test_a_run_leaves_what_shops_and_notebooks_read(folder: Path) -> None:
    left = {p.name for p in folder.iterdir()}
    assert {"scorecard.json", "scores.parquet", "params.json", "fitted", "report.html"} <= left
    assert {"offers.parquet", "policies.parquet", "targeting.parquet"} <= left
    card = json.loads((folder / "scorecard.json").read_text())
    scores = pd.read_parquet(folder / "scores.parquet")
    assert len(scores) == card["customers"] == 4_000
    assert scores.notna().all(axis=None)
    assert card["recommended"] in {"personalised", "best single arm", "monetary", "frequency",
                                   "random"}  # fmt: skip
    assert card["personalised"] in (0.0, 1.0)
    assert None not in card.values()
    offers = pd.read_parquet(folder / "offers.parquet")
    assert list(offers) == ["customer_id", "arm", "value_cents", "cost_cents", "low_cents"]
    assert (offers["low_cents"] <= offers["value_cents"]).all()


def test_values_of_policies_cover_the_truth(folder: Path, config) -> None:
    """Giving everybody one arm is worth, in truth, the mean of its expected net margin."""
    source = config.data
    truth = source.truth()
    p, r = truth.purchase, truth.redemption
    paid = truth.contact_cents + (1 - truth.funded_share) * truth.discount_cents * r * p
    paid[:, 0] = 0.0
    net = (truth.margin_cents[:, None] * p - paid).mean(axis=0)
    rows = pd.read_parquet(folder / "policies.parquet").set_index("policy")
    for number, arm in enumerate(truth.arms):
        row = rows.loc[f"all {arm}"]
        assert abs(row["value"] - net[number]) < 4 * row["value_error"]
        assert abs(row["spend"] - paid[:, number].mean()) < 4 * row["spend_error"] + 1e-9


def test_the_kept_model_says_what_the_scores_say(folder: Path, config) -> None:
    trial = trial_of(config.data.load().frame(), config.campaign)
    scores = pd.read_parquet(folder / "scores.parquet")
    said = load(folder / "fitted").effects(trial.features)
    for number, arm in enumerate(trial.arms[1:], start=1):
        np.testing.assert_array_equal(scores[f"effect_{arm}"], said.value[:, number])


def test_the_report_opens_with_the_verdict(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    card = json.loads((folder / "scorecard.json").read_text())
    assert "Policies compared" in page
    assert "Whom to reach first" in page
    assert "What each budget brings" in page
    assert card["verdict"].split(":")[0].replace("'", "&#39;") in page


def test_a_rule_chooses_by_what_was_known_before(config) -> None:
    """Neither by the outcome, which would be right always, nor by a text."""
    trial = trial_of(config.data.load().frame(), config.campaign)
    for column in ("value_cents", "cost_cents", "propensity", "nothing"):
        rules = config.campaign.model_copy(update={"monetary": column})
        with pytest.raises(InputError, match=f"campaign.monetary = '{column}': no feature"):
            rule_scores(trial, rules)


def test_without_differences_the_gate_is_seldom_fooled(config) -> None:
    """At most 5 % of campaigns: more than 4 of 20 have probability .003."""
    learner = MetaLearner(kind="dr", learner="LinearRegression", settings={}, folds=2)
    fooled = 0
    for seed in range(20):
        source = SimulatedCampaign(seed=seed, world=CampaignWorld(customers=4_000, strength=0.0))
        trial = trial_of(source.load().frame(), config.campaign)
        found = {"own": cross_fit(learner, trial, 2, seed)}
        judged = judge("own", found, trial, config.campaign)
        fooled += judged.verdict.personalised
        assert judged.verdict.sentence.startswith("Follow ")
    assert fooled <= 4


def test_a_budget_is_kept_in_expectation(config, tmp_path: Path) -> None:
    rules = config.campaign.model_copy(update={"budget_cents": 20.0})
    run(config.model_copy(update={"campaign": rules}), tmp_path)
    rows = pd.read_parquet(tmp_path / "policies.parquet").set_index("policy")
    own = rows.loc["personalised"]
    assert own["spend"] < 20.0 + 4 * own["spend_error"]
    assert 0 <= own["over"] <= 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["model=uplift_dr_learner"], "learns from a randomised campaign"),
        ([*SIMULATED], "model=btyd_bgnbd learns from a store"),
        ([*SIMULATED, "model=uplift_none", "campaign.outcome=clicked"], "campaign.outcome"),
        (
            [*SIMULATED, "model=uplift_none", "campaign.only=x"],
            "campaign.only: there is no campaign",
        ),
        ([*SIMULATED, "model=uplift_none", "campaign.monetary=wealth"], "campaign.monetary"),
        ([*SIMULATED, "model=uplift_none", "campaign.folds=1"], "campaign.folds=1 has to be 2 or"),
        ([*SIMULATED, "model=uplift_t_learner", "model.learner=Forrest"], "model.learner"),
    ],
)
def test_wrong_words_are_told_in_a_sentence(words, says, refused) -> None:
    assert says in refused(*words)


def test_verbs_for_forecasts_refuse_its_run(folder: Path, turned_away) -> None:
    assert "is the run of a campaign" in turned_away(folder)


def test_offers_go_on_to_an_assignment(folder: Path, tmp_path: Path, capsys) -> None:
    """Within the budget, nobody twice, and only arms whose lower bound is above 0."""
    words = [f"offers={folder / 'offers.parquet'}", "budget=100", f"out={tmp_path}"]
    assert main(["assign", *words]) == 0
    given = pd.read_parquet(tmp_path / "assignment.parquet")
    assert given["customer_id"].is_unique
    assert given["cost"].sum() <= 10_000
    offers = pd.read_parquet(folder / "offers.parquet").set_index(["customer_id", "arm"])
    some = given[given["arm"] != ""]
    assert (
        offers.loc[list(zip(some["customer_id"], some["arm"], strict=True)), "low_cents"] > 0
    ).all()
    assert "offer" in capsys.readouterr().out


def test_hillstrom_is_told_as_published(data_folder, composed) -> None:
    """Mean spend .653, 1.423 (men's) and 1.077 USD (women's); 64,000 customers."""
    source = Hillstrom(folder=str(data_folder))
    trial = trial_of(source.load().frame(), composed("experiment=uplift_hillstrom").campaign)
    means = [trial.outcome[trial.of_arm(a)].mean() for a in range(3)]
    np.testing.assert_allclose(means, [65.3, 142.3, 107.7], atol=0.05)
    assert len(trial.arm) == 64_000


def test_two_sources_of_one_seed_are_one_campaign() -> None:
    first, second = (SimulatedCampaign(seed=3).load().content_hash() for _ in range(2))
    assert first == second != SimulatedCampaign(seed=4).load().content_hash()


def test_arms_of_other_sizes_than_their_chances_say_are_refused(config) -> None:
    trial = trial_of(config.data.load().frame(), config.campaign)
    check_sizes(trial)
    tilted = replace(trial, propensity=np.where(trial.arm == 0, 0.6, 0.4 / (len(trial.arms) - 1)))
    with pytest.raises(InputError, match=r"sizes that their chances say .control .* expected"):
        check_sizes(tilted)


def test_one_of_several_campaigns_is_judged(config) -> None:
    several = config.data.load()
    first = several.treatments.mutate(campaign_id=ibis.literal("first"))
    made = replace(several, treatments=several.treatments.union(first))
    with pytest.raises(InputError, match=r"2 campaigns, .*give campaign.only=first"):
        checked(config, made)
