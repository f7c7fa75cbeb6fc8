"""Estimates of other policies' lists are right on average, and 90 % intervals hold the truth.

A catalogue is simulated of which the value of every list is known (a cascade: what stands above
matters). Lists of 5 are drawn for visits out of 12 candidates each, at a temperature, with a floor
and caps, as `lifeworth.decide.explore` does; visitors click and buy. Two targets are judged from
what they did: "sharper", the same scores at half the temperature, and "other", scores that take no
account of returns and low stock, at the temperature of the log. Money is the net margin per visit,
in cents; also clicks per visit. The truth of a target is the mean, over 600,000 visits, of the
known value of lists it draws. "over_error" is the bias in its own standard errors,
"stated_over_real" the mean of the stated errors over the deviation of the estimates. The reward
model of the doubly robust estimator knows three features of a product, and is learnt on the other
half of the customers. The verdict is on the mean coverage of each estimator; of 200 logs alone a
cell whose coverage is 90 % lies outside the aim by luck in one of six. There is no peer.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, parser, record
from benchmarks.side import Task, each_once

if TYPE_CHECKING:
    import pandas as pd

    from lifeworth.tables.simulate_catalogue import Visiting

NAME = "offpolicy_truth"
AIM = (0.87, 0.93)
"""Of the 90 % intervals."""

CANDIDATES, PLACES = 12, 5
REWARDS = ("net_cents", "clicks")
FEATURES = ("score_cents", "other_cents", "p_purchase")
ELSEWHERE = 1_000_000
"""Seeds from here on are of no measured log."""

CUSTOMERS = 200_000
"""Of the shop; each log has two visits of some of them."""

LEAST = 0.01
"""What a product is worth at least, in cents: candidates of a log are those of all targets."""

PART = 20_000
"""Visits whose truth is taken together."""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument("--logs", type=int, default=200, help="of each size")
    arguments.add_argument("--visits", type=int, default=2_000, help="of the smaller logs")
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args(words)
    sizes = {
        "logs": given.logs, "visits": given.visits, "times": 4, "truth": 600_000,
        "seed": given.seed,
    }  # fmt: skip
    if given.small:
        sizes |= {"logs": 4, "visits": 500, "truth": 20_000}
    record(NAME, [measure(sizes)], given.results)


def measure(sizes: dict[str, int]) -> Case:
    """Measure all estimators of all targets at both sizes."""
    sides, told = each_once({"estimates": estimates}, sizes)
    found = told["estimates"]
    inside = {name: AIM[0] <= cell["coverage"] <= AIM[1] for name, cell in found.items()}
    ways = {name.rsplit(", ", 1)[1] for name in found}
    by_way = {
        way: sum(c["coverage"] for n, c in found.items() if n.endswith(f", {way}"))
        / sum(n.endswith(f", {way}") for n in found)
        for way in sorted(ways)
    }
    verdict = {
        "aim_coverage": AIM,
        "coverage": {way: round(value, 3) for way, value in by_way.items()},
        "coverage_in_aim": all(AIM[0] <= value <= AIM[1] for value in by_way.values()),
        "outside": [name for name, well in inside.items() if not well] or "none",
    }
    shown = {label: side | {"told": {}} for label, side in sides.items()}
    return Case(sizes, shown, verdict | found)


def estimates(task: Task) -> dict[str, Any]:
    """Estimate from many logs, and compare with the truth."""
    sizes, told = task.sizes, {}
    shop = _Shop(task.sizes["seed"])
    truth = shop.truth(sizes["truth"])
    for visits in (sizes["visits"], sizes["times"] * sizes["visits"]):
        found: dict[str, list[tuple[float, ...]]] = {}
        for i in range(sizes["logs"]):
            for name, one in shop.judged(visits, sizes["seed"] + i).items():
                found.setdefault(name, []).append(one)
        for name, rows in found.items():
            told[f"{visits:,} visits, {name}"] = _cell(rows, truth[name.rsplit(", ", 1)[0]])
    return told


class _Shop:
    """A catalogue, how lists are drawn, and the targets."""

    def __init__(self, seed: int) -> None:
        from lifeworth.decide.explore import Exploration
        from lifeworth.decide.replay import Policy
        from lifeworth.decide.rerank import ListCaps
        from lifeworth.tables.simulate_catalogue import CatalogueWorld, catalogue

        self.world = CatalogueWorld(products=120, customers=CUSTOMERS, click=0.3, buy=0.3)
        self.known = catalogue(self.world, seed)
        caps = ListCaps(size=PLACES, per_category=3, per_seller=3)
        self.drawn = Policy(how=Exploration(temperature=100.0, floor=0.03), caps=caps)
        self.targets: dict[str, Policy] = {
            "sharper": Policy(how=Exploration(temperature=50.0, floor=0.0), caps=caps),
            "other": Policy(
                how=Exploration(temperature=100.0, floor=0.0), caps=caps, score="other_cents"
            ),
        }

    def visits(self, number: int, seed: int) -> "Visiting":
        """Return two visits of each of so many customers."""
        import numpy as np

        from lifeworth.tables.simulate_catalogue import Visiting

        rng = np.random.default_rng([seed, 8])
        customer = np.repeat(rng.choice(CUSTOMERS, number // 2, replace=False), 2)
        return Visiting(customer, rng.integers(0, self.world.products, number))

    def candidates(self, who: "Visiting", seed: int) -> "pd.DataFrame":
        """Return a dozen products of each visit, with their scores and numbers."""
        import numpy as np
        import pandas as pd

        from lifeworth.models.ranker.math import Weights, worth
        from lifeworth.tables.simulate_catalogue import alone

        rng = np.random.default_rng([seed, 9])
        order = rng.random((len(who.cart), self.world.products)).argpartition(CANDIDATES, axis=1)
        own = np.sort(order[:, :CANDIDATES], axis=1)
        products = self.known.products.iloc[own.ravel()].reset_index(drop=True)
        p = alone(self.world, self.known, who, own).purchases.ravel()
        names = ("margin_cents", "return_rate", "stock_cover_days")
        m, r, cover = (products[name].to_numpy(float) for name in names)
        found = worth(p, m, r, cover, Weights(0.02, 1.0, 7.0, 1_000.0, self.world.return_cents))
        return pd.DataFrame(
            {
                "visit_id": np.repeat([f"v{n:07d}" for n in range(len(own))], CANDIDATES),
                "product_id": products["product_id"],
                "number": own.ravel(),
                "category": products["category"],
                "seller": products["seller"],
                "p_purchase": p,
                "score_cents": np.maximum(found.total(), LEAST),
                "other_cents": np.maximum(found.purchase, LEAST),
            }
        )

    def truth(self, visits: int) -> dict[str, tuple[float, float]]:
        """Return value and its standard error by target and reward."""
        import numpy as np

        from lifeworth.decide.explore import drawn
        from lifeworth.decide.shelf import shelf
        from lifeworth.tables.simulate_catalogue import expected

        sums: dict[str, list[np.ndarray]] = {}
        for part in range(visits // PART):
            who = self.visits(PART, ELSEWHERE + part)
            frame = self.candidates(who, ELSEWHERE + part)
            number = frame["number"].to_numpy().reshape(PART, CANDIDATES)
            for name, target in self.targets.items():
                on = shelf(frame, target.caps, target.score)
                own = drawn(on, target.how, target.caps, f"truth {part}").choice
                shown = np.where(own >= 0, np.take_along_axis(number, np.maximum(own, 0), 1), -1)
                found = expected(self.world, self.known, who, shown)
                for reward in REWARDS:
                    each = getattr(found, reward).sum(axis=1)
                    sums.setdefault(f"{name}, {reward}", []).append(each)
        whole = {name: np.concatenate(parts) for name, parts in sums.items()}
        return {n: (float(v.mean()), float(v.std() / np.sqrt(len(v)))) for n, v in whole.items()}

    def judged(self, visits: int, seed: int) -> dict[str, tuple[float, float, float]]:
        """Return estimate, its error and the effective customers, by target, reward, estimator."""
        from lifeworth.decide.replay import replay
        from lifeworth.evaluate.cascade import guess
        from lifeworth.evaluate.offpolicy import NAMES, judge

        who = self.visits(visits, seed)
        frame = self.candidates(who, seed)
        log = self.shown(frame, who, seed)
        told = {}
        for name, target in self.targets.items():
            for reward in REWARDS:
                found = replay(log, frame, self.drawn, target, reward, FEATURES)
                sides = found.lists, found.target
                learnt = guess(found.lists, found.described, who.customer)
                for way in NAMES:
                    one = judge(way, *sides, guess=learnt, customer=who.customer, least=1.0)
                    told[f"{name}, {reward}, {way}"] = (*one.estimate, one.effective)
        return told

    def shown(self, frame: "pd.DataFrame", who: "Visiting", seed: int) -> "pd.DataFrame":
        """Draw lists, and what the visitors do with them."""
        import numpy as np

        from lifeworth.decide.explore import explore
        from lifeworth.tables.simulate_catalogue import happened

        log = explore(frame, self.drawn.how, self.drawn.caps, f"log {seed}")
        both = log.merge(frame[["visit_id", "product_id", "number"]], on=["visit_id", "product_id"])
        row = both["visit_id"].str[1:].astype(int).to_numpy()
        place = both["place"].to_numpy() - 1
        shown = np.full((len(who.cart), PLACES), -1)
        shown[row, place] = both["number"].to_numpy()
        found = happened(self.world, self.known, who, shown, seed)
        return both.assign(**{name: getattr(found, name)[row, place] for name in REWARDS})


def _cell(rows: list[tuple[float, float, float]], truth: tuple[float, float]) -> dict[str, float]:
    import numpy as np
    from scipy import special

    value, error, effective = np.array(rows).T
    inside = np.abs(value - truth[0]) <= special.ndtri(0.95) * error
    bias, spread = value.mean() - truth[0], value.std(ddof=1)
    told = {
        "truth": truth[0],
        "bias": bias,
        "over_error": bias / np.hypot(spread / np.sqrt(len(value)), truth[1]),
        "rmse": np.sqrt(np.mean((value - truth[0]) ** 2)),
        "coverage": inside.mean(),
        "stated_over_real": error.mean() / spread,
        "effective": effective.mean(),
    }
    return {name: round(float(number), 4) for name, number in told.items()}
