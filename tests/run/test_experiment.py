"""The verb experiment: plans and readings against formulas written out, and refusals in words."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lifeworth.run.cli import main


@pytest.fixture(autouse=True)
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    store().to_csv("results.csv", index=False)


def store(customers: int = 4000, seed: int = 3) -> pd.DataFrame:
    """Return an experiment of three arms; coupon adds 3 to the margin, mail nothing."""
    rng = np.random.default_rng(seed)
    arm = rng.permutation(np.repeat(["control", "mail", "coupon", "control"], customers // 4))
    before = rng.gamma(1, 20, customers)
    orders = rng.poisson(1 + before / 20)
    margin = 0.8 * before + rng.gamma(2, 5, customers) + 3 * (arm == "coupon")
    return pd.DataFrame({
        "customer_id": [f"{i:05d}" for i in range(customers)], "arm": arm, "margin": margin,
        "orders": orders, "before": before,
        "assigned_at": pd.Timestamp(2026, 1, 1) + pd.to_timedelta(np.arange(customers), "h"),
    })  # fmt: skip


SHARES = "shares=control:2,mail:1,coupon:1"


def analyse(*words: str) -> int:
    return main(["experiment", "analyse", "file=results.csv", "out=o", *words])


def found() -> pd.DataFrame:
    return pd.DataFrame(json.loads(Path("o/results.json").read_text())["differences"])


def groups(column: str, arm: str) -> tuple[np.ndarray, np.ndarray]:
    frame = pd.read_csv("results.csv")
    return tuple(
        frame.loc[frame["arm"] == name, column].to_numpy(float) for name in (arm, "control")
    )


def test_differences_are_welchs_at_the_level_of_bonferroni_and_holm(capsys):
    assert analyse("outcome=margin", SHARES) == 0
    rows = found().set_index("arm")
    tests = {}
    for arm in ("mail", "coupon"):
        test = stats.ttest_ind(*groups("margin", arm), equal_var=False)
        low, high = test.confidence_interval(1 - 0.05 / 2)
        row = rows.loc[arm]
        assert [row["low"], row["high"]] == pytest.approx([low, high], rel=1e-9)
        assert row["p_value"] == pytest.approx(test.pvalue, rel=1e-9)
        tests[arm] = test.pvalue
    order = sorted(tests, key=lambda name: tests[name])
    holm = [min(2 * tests[order[0]], 1), min(max(2 * tests[order[0]], tests[order[1]]), 1)]
    assert rows.loc[order, "p_holm"].tolist() == pytest.approx(holm, rel=1e-9)
    assert rows["always_low"].isna().all()
    page = Path("o/experiment.html").read_text()
    assert "Bonferroni" in page
    assert "Holm" in page
    assert "1 of 2 arms differ from the control in margin: coupon" in capsys.readouterr().out


def test_the_adjusted_difference_is_lins_and_says_what_it_saved():
    assert analyse("outcome=margin", "covariates=before", SHARES) == 0
    rows = found().query("way == 'adjusted'").set_index("arm")
    for arm in ("mail", "coupon"):
        (y1, y0), (x1, x0) = groups("margin", arm), groups("before", arm)
        mean = np.concatenate([x1, x0]).mean()
        fits = [stats.linregress(x - mean, y) for x, y in ((x1, y1), (x0, y0))]
        row = rows.loc[arm]
        assert row["effect"] == pytest.approx(fits[0].intercept - fits[1].intercept, rel=1e-9)
        plain = y1.var(ddof=1) / len(y1) + y0.var(ddof=1) / len(y0)
        saved = 1 - row["standard_error"] ** 2 / plain
        assert row["variance_removed"] == pytest.approx(saved, rel=1e-9)
        classic = fits[0].intercept_stderr ** 2 + fits[1].intercept_stderr ** 2
        assert row["standard_error"] ** 2 == pytest.approx(classic, rel=0.05)  # robust, same errors
        assert 0.6 < saved < 0.9


def test_a_ratio_is_of_sums_with_the_variance_of_the_delta_method():
    assert analyse("outcome=margin", "denominator=orders", SHARES) == 0
    row = found().set_index("arm").loc["coupon"]
    assert row["outcome"] == "margin per orders"
    parts = []
    for y, x in zip(groups("margin", "coupon"), groups("orders", "coupon"), strict=True):
        ratio = y.sum() / x.sum()
        c = np.cov(y, x)
        parts.append((ratio, (c[0, 0] - 2 * ratio * c[0, 1] + ratio**2 * c[1, 1])
                      / (len(y) * x.mean() ** 2)))  # fmt: skip
    assert row["effect"] == pytest.approx(parts[0][0] - parts[1][0], rel=1e-9)
    assert row["standard_error"] == pytest.approx(math.sqrt(parts[0][1] + parts[1][1]), rel=1e-9)


def test_the_confidence_sequence_is_that_of_the_paper():
    """Waudby-Smith et al. 2024, theorem 2.2, with rho best at the planned end."""
    assert analyse("outcome=margin", "planned=6000", "order=assigned_at", SHARES) == 0
    row = found().set_index("arm").loc["mail"]
    alpha, planned = 0.05 / 2, 6000 * 3 / 4
    t = row["customers_treated"] + row["customers_control"]

    def half(rho2: float, at: float) -> float:
        sd = row["standard_error"] * math.sqrt(t)
        inside = 2 * (at * rho2 + 1) / (at**2 * rho2)
        return sd * math.sqrt(inside * math.log(math.sqrt(at * rho2 + 1) / alpha))

    grid = np.geomspace(1e-5, 1, 20_001)
    rho2 = float(grid[np.argmin([half(r, planned) for r in grid])])
    told = (row["always_high"] - row["always_low"]) / 2
    assert told == pytest.approx(half(rho2, t), rel=1e-5)
    assert "Look by look" in Path("o/experiment.html").read_text()


def test_without_an_order_there_are_no_looks():
    assert analyse("outcome=margin", "planned=6000", SHARES) == 0
    assert "Look by look" not in Path("o/experiment.html").read_text()
    assert found()["always_low"].notna().all()


def test_groups_that_do_not_match_are_all_that_is_shown(capsys):
    assert analyse("outcome=margin", "shares=control:1,mail:1,coupon:1") == 2
    told = json.loads(Path("o/results.json").read_text())
    assert told["differences"] == []
    ratio = told["sample_ratio"]
    counts = list(ratio["counts"].values())
    assert ratio["p_value"] == pytest.approx(stats.chisquare(counts).pvalue)
    assert ratio["mismatch"] is True
    page = Path("o/experiment.html").read_text()
    assert "nothing else of this experiment is to be trusted" in page
    assert 'id="differences"' not in page
    assert "nothing else is to be trusted" in capsys.readouterr().out


def test_a_covariate_that_the_arm_changed_is_told(capsys):
    store().assign(before=lambda f: f["before"] + 5 * (f["arm"] == "coupon")).to_csv(
        "results.csv", index=False
    )
    assert analyse("outcome=margin", "covariates=before", SHARES) == 0
    assert "before differs between coupon and the control" in " ".join(
        capsys.readouterr().out.split()
    )


WRONG = {
    "no column": (("outcome=sales", SHARES), "no column 'sales'"),
    "strange arm": (("outcome=margin", "shares=control:1,mail:1"), "'coupon' is an arm of"),
    "no control": (("outcome=margin", "shares=mail:1,coupon:1"), "to the control, 'control'"),
    "both": (("outcome=margin", "covariates=before", "denominator=orders", SHARES), "adjust means"),
    "twice": (("outcome=margin,margin", SHARES), "margin is named for two things"),
    "shares": (("outcome=margin", "shares=control,mail"), "write NAME:NUMBER"),
    "level": (("outcome=margin", "level=95", SHARES), "level = 95.0"),
    "no outcome": ((SHARES,), "outcome is missing; give outcome=..."),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_are_refused(capsys, case):
    words, said = WRONG[case]
    assert analyse(*words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
    assert not Path("o").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: pd.concat([f, f[:2]]), "2 of 4,002 rows repeat a customer, first '00000'"),
        (
            lambda f: f.assign(margin=f["margin"].where(f.index > 0)),
            "1 of 4,000 rows have no m",
        ),
        (
            lambda f: f.assign(margin="x"),
            "4,000 of 4,000 rows have a 'margin' that is",
        ),
    ],
)
def test_wrong_rows_are_refused(capsys, change, said):
    change(store()).to_csv("results.csv", index=False)
    assert analyse("outcome=margin", SHARES) == 2
    assert said in capsys.readouterr().err


def test_a_file_without_a_sale_says_what_that_means(capsys):
    store().assign(margin=0).to_csv("results.csv", index=False)
    assert analyse("outcome=margin", SHARES) == 2
    told = capsys.readouterr().err
    assert "there is no sale in it: margin is 0 for all 4,000 customers of all arms, which" in told
    assert not Path("o").exists()
    store().assign(orders=0).to_csv("results.csv", index=False)
    assert analyse("outcome=margin,orders", SHARES) == 0
    assert "orders is 0 for everybody: that is no sign that nothing differs" in " ".join(
        capsys.readouterr().out.split()
    )
    assert analyse("outcome=margin", "denominator=orders", SHARES) == 2
    assert "look whether the column counts what it should" in capsys.readouterr().err
    store()[:0].to_csv("results.csv", index=False)
    assert analyse("outcome=margin", SHARES) == 2
    told = capsys.readouterr().err
    assert "a file of sales alone has none where nobody bought; give a row for each cust" in told
    assert "export it again" not in told


# ---- design


def plan(*words: str) -> int:
    return main(["experiment", "design", "out=o", *words])


def test_a_share_needs_what_the_normal_formula_says(capsys):
    assert plan("rate=.04", "effect=.005", "customers_per_day=800", "outcome_days=30") == 0
    out = capsys.readouterr().out
    z = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    each = z**2 * (0.04 * 0.96 + 0.045 * 0.955) / 0.005**2
    said = int(out.split(" customers see")[0].replace(",", ""))
    assert said == pytest.approx(2 * each, rel=1e-3)
    assert f"Duration: {30 + 7 * math.ceil(said / 800 / 7)} days" in out
    assert "Looking before the end" in Path("o/design.html").read_text()


def test_what_customers_see_is_what_needs_them(capsys):
    words = ("mean=30", "sd=60", "variance_removed=.3", "shares=control:2,a:1,b:1", "level=.9")
    assert plan(*words, "effect=2") == 0
    needed = int(capsys.readouterr().out.split(" customers see")[0].replace(",", ""))
    # each arm against the control at 95 %, a third of three quarters of all
    z = stats.norm.isf(0.025) + stats.norm.isf(0.2)
    pair = (z * 60 / 2) ** 2 * 0.7 / (1 / 3 * 2 / 3)
    assert needed == pytest.approx(pair / 0.75, rel=1e-3)
    assert plan(*words, f"customers={needed}") == 0
    assert f"{needed:,} customers see an effect of 2.00 (6.7 %)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("rate=.04",), "give effect=... to learn"),
        (("effect=1",), "give either rate"),
        (("rate=.04", "sd=1", "effect=1"), "give either rate"),
        (("rate=.04", "effect=.99"), "both are to be inside (0, 1)"),
        (("sd=1", "effect=0"), "an effect of 0 takes more than"),
        (("sd=-1", "effect=1"), "give positive ones"),
        (("rate=.5", "customers=6"), "see no rise of a share of 0.5"),
        (("sd=1", "effect=1", "power=1.2"), "power = 1.2; give one inside (0, 1)"),
    ],
)
def test_plans_that_make_no_sense(capsys, words, said):
    assert plan(*words) == 2
    assert said in capsys.readouterr().err


def test_an_action_has_help_and_is_corrected(capsys):
    for action in ("design", "analyse"):
        assert main(["experiment", action, "--help"]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"lifeworth experiment {action}: ")
        assert f"\n  lifeworth experiment {action}" in text
    assert main(["experiment", "desing"]) == 2
    assert "no action 'desing', did you mean 'design'?" in capsys.readouterr().err
    assert main(["experiment"]) == 0
