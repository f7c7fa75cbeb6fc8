"""Personas by HDBSCAN: 100,000 customers in 8 columns are fitted, a million new ones are placed.

Fit: lifeworth goes from orders and customers to personas (reads, scales, finds clusters, thins
each out to a few points), hdbscan from the scaled vectors to clusters with what its
approximate_predict needs. Score: the same million vectors in both, to the persona of each customer
with a probability; lifeworth looks at distances to the points, hdbscan at its training customers.
Each in a process of its own, and one that scores from orders to memberships, which hdbscan does not
do. Seven groups, and a twentieth who are nobody's, are simulated: both are held against the truth.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.measure import ROOT
from benchmarks.side import Sizes, Task, apart, told_by
from benchmarks.vectors import named, write_store

if TYPE_CHECKING:
    from lifeworth.asof.split import History
    from lifeworth.models.personas.fit import Plan

NAME = "personas"
STAGE = "work"
FITTED, NEW, COLUMNS = 100_000, 1_000_000, 8
GROUPS, NOBODY = 7, 0.05
APART, WIDE = 4.0, 3.0
"""Sd of the centres of groups, and of those who are nobody's; that within groups is 1."""

HORIZON = 90
FEATURES = named(COLUMNS)


def main(words: list[str] | None = None) -> None:
    """Measure."""
    given = parser(str(__doc__), repeats=3).parse_args(words)
    sizes: Sizes = {"fitted": FITTED, "new": NEW, "columns": COLUMNS, "seed": 0}
    if given.small:
        sizes |= {"fitted": 4_000, "new": 10_000}
    record(NAME, measure(sizes, 1 if given.small else given.repeats), given.results, STAGE)


def measure(sizes: Sizes, repeats: int) -> list[Case]:
    """Measure fitting and scoring, both sides of each."""
    with apart(sizes) as run:
        run(make)
        fits = take_turns([
            Side("lifeworth, fit", lambda _: run(fit), repeats),
            Side("hdbscan, fit", lambda _: run(fit_peer), repeats),
        ])  # fmt: skip
        scores = take_turns([
            Side("lifeworth, score", lambda _: run(score), repeats),
            Side("lifeworth, score from orders", lambda _: run(score_orders), repeats),
            Side("hdbscan, score", lambda _: run(score_peer), (repeats + 1) // 2),
        ])  # fmt: skip
        return [Case(sizes, fits, {}), Case(sizes, scores, run(check).told)]


def make(task: Task) -> dict[str, Any]:
    """Write customers of simulated groups, those to fit to and new ones, and their vectors."""
    import numpy as np

    rng = np.random.default_rng(task.sizes["seed"])
    centres = rng.normal(0.0, APART, (GROUPS, COLUMNS))
    for part in ("fitted", "new"):
        count = task.sizes[part]
        group = rng.integers(0, GROUPS, count)
        nobody = rng.random(count) < NOBODY
        vectors = centres[group] + rng.normal(0.0, 1.0, (count, COLUMNS))
        vectors[nobody] = rng.normal(0.0, WIDE, (int(nobody.sum()), COLUMNS))
        np.save(task.folder / f"{part}_truth.npy", np.where(nobody, -1, group))
        write_store(task.folder / part, vectors, rng.lognormal(8.0, 0.8, count))
    from lifeworth.models.personas.space import fit_space, read

    look = _plan().look
    raw = read(_history(task, "fitted"), look)
    space = fit_space(raw, look)
    np.save(task.folder / "fitted.npy", space.place(raw))
    np.save(task.folder / "new.npy", space.place(read(_history(task, "new"), space)))
    return {}


def fit(task: Task) -> dict[str, Any]:
    """Fit with lifeworth, from orders."""
    import numpy as np

    with task.stage("import"):
        from lifeworth.models import store
        from lifeworth.models.personas.fit import found
    with task.stage(STAGE):
        made = found(_plan(), _history(task, "fitted"), 0)
    store.save(made.personas, task.folder / "ours")
    same = bool(np.array_equal(made.z, np.load(task.folder / "fitted.npy")))
    return {"groups": len(made.personas.ids), "same_vectors": same}


def fit_peer(task: Task) -> dict[str, Any]:
    """Fit with hdbscan, from vectors."""
    with task.stage("import"):
        import hdbscan
        import joblib
        import numpy as np
    z, settings = np.load(task.folder / "fitted.npy"), _settings()
    given = {name: settings[name] for name in ("min_cluster_size", "min_samples")}
    with task.stage(STAGE):
        found = hdbscan.HDBSCAN(**given, prediction_data=True).fit(z)
    joblib.dump(found, task.folder / "peer.joblib")
    return {"groups": int(found.labels_.max()) + 1}


def score(task: Task) -> dict[str, Any]:
    """Place new customers with lifeworth, from vectors."""
    import numpy as np

    with task.stage("import"):
        from lifeworth.models import store
    personas, z = store.load(task.folder / "ours"), np.load(task.folder / "new.npy")
    with task.stage(STAGE):
        placed = personas.place(z)
        none = placed.distance > personas.caps[placed.nearest]
    np.save(task.folder / "ours.npy", np.where(none, -1, placed.nearest))
    return {"customers": len(none)}


def score_orders(task: Task) -> dict[str, Any]:
    """Place new customers with lifeworth, from orders."""
    import numpy as np

    with task.stage("import"):
        from lifeworth.models import store
    with task.stage(STAGE):
        personas = store.load(task.folder / "ours")
        frame = personas.score(_history(task, "new"), HORIZON).frame
    own = np.load(task.folder / "ours.npy")
    same = frame["persona"].to_numpy() == np.where(own < 0, -1, personas.ids[own])
    return {"customers": len(frame), "as_from_vectors": bool(same.all())}


def score_peer(task: Task) -> dict[str, Any]:
    """Place new customers with hdbscan."""
    with task.stage("import"):
        import hdbscan
        import joblib
        import numpy as np
    found, z = joblib.load(task.folder / "peer.joblib"), np.load(task.folder / "new.npy")
    with task.stage(STAGE):
        labels, _ = hdbscan.approximate_predict(found, z)
    np.save(task.folder / "peer.npy", labels)
    return {"customers": len(labels)}


def check(task: Task) -> dict[str, Any]:
    """Hold both against the simulated groups, and against each other."""
    import numpy as np
    from sklearn.metrics import adjusted_rand_score

    truth, ours, peer = (
        np.load(task.folder / f"{name}.npy") for name in ("new_truth", "ours", "peer")
    )
    return {
        "same_vectors": told_by(fit, task.folder)["same_vectors"],
        "from_orders_as_from_vectors": told_by(score_orders, task.folder)["as_from_vectors"],
        "groups_ours": told_by(fit, task.folder)["groups"],
        "groups_hdbscan": told_by(fit_peer, task.folder)["groups"],
        "rand_with_truth_ours": float(adjusted_rand_score(truth, ours)),
        "rand_with_truth_hdbscan": float(adjusted_rand_score(truth, peer)),
        "rand_with_each_other": float(adjusted_rand_score(ours, peer)),
        "nobody_ours": float((ours < 0).mean()),
        "nobody_hdbscan": float((peer < 0).mean()),
        "nobody_in_truth": float((truth < 0).mean()),
    }


def _settings() -> dict[str, Any]:
    """Return conf/model/personas_hdbscan.yaml, on the columns that are simulated."""
    from yaml import safe_load

    text = (ROOT / "conf" / "model" / "personas_hdbscan.yaml").read_text(encoding="utf-8")
    return safe_load(text) | {"features": FEATURES}


def _plan() -> "Plan":
    from lifeworth.run.config import build

    return build("model", _settings()).plan()


def _history(task: Task, part: str) -> "History":
    from lifeworth.asof.split import latest
    from lifeworth.tables.core import Tables

    return latest(Tables.read(task.folder / part))
