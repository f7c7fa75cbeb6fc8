"""What draws say of the future, against plain loops over draws and customers."""

import itertools
import tracemalloc

import numpy as np
import pytest

from lifeworth.engines.pooled import Groups
from lifeworth.engines.posterior import Posterior
from lifeworth.models.btyd import outlook
from lifeworth.models.btyd.estimate import Seen
from lifeworth.models.btyd.outlook import LEVELS, Outlook, Span, draw_counts
from lifeworth.models.btyd.pool import Grouped
from lifeworth.models.btyd.processes import beta_geometric
from lifeworth.models.btyd.processes.beta_geometric import BetaGeometric
from lifeworth.models.btyd.processes.bgbb import BgBb
from lifeworth.models.btyd.processes.pareto_nbd import ParetoNbd
from lifeworth.models.btyd.purchases import Past

PROCESSES = {
    "bgnbd": BetaGeometric(),
    "mbgnbd": BetaGeometric(modified=True),
    "bgcnbd_3": BetaGeometric(k=3),
    "mbgcnbd_2": BetaGeometric(k=2, modified=True),
    "pareto_nbd": ParetoNbd(),
    "bgbb": BgBb(),
}
CENTRE = {"pareto_nbd": [2.5, 0.2, 0.3, -0.2], "bgbb": [-2.0, 1.5, -3.0, 1.0]}
PAST = Past(
    np.array([0.0, 1, 3, 0, 1, 12]),
    np.array([0.0, 20, 55, 0, 20, 90]),
    np.array([40.0, 60, 60, 40, 60, 91]),
)
SPAN = Span(0.0, 50.0)


@pytest.fixture(params=PROCESSES)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def process(name):
    return PROCESSES[name]


def seen(name, customers=6, draws=7, groups=1, spread=0.5):
    """Return draws of a population, or of groups that differ, customers in turn in each."""
    rng = np.random.default_rng(1)
    centre = np.array(CENTRE.get(name, [2.0, 0.2, -1.0, 0.5]))
    eta = centre + 0.3 * rng.standard_normal((draws, len(centre)))
    drawn = {"population": eta}
    which = np.arange(customers) % groups
    columns = {"segment": groups} if groups > 1 else {}
    codes = np.arange(groups)[:, None][:, : len(columns)]
    if columns:
        drawn["segment"] = spread * rng.standard_normal((draws, len(centre), groups))
        drawn["segment_spread"] = np.full((draws, len(centre)), spread)
    made = Groups(columns=columns, codes=codes, values=np.zeros((groups, 0)))
    posterior = Posterior(
        method="laplace",
        draws=drawn,
        chains=1,
        log_likelihood=0.0,
        diagnostics={},
        elbo=np.empty((0, 2)),
    )
    return Seen(posterior, Grouped(made, which), seed=0)


def each(process, known, of):
    """Return `of(parameters, one customer's past)` for every draw and customer."""
    rows = []
    for draw in range(known.draws):
        eta = known.single(draw, slice(None))
        eta = np.broadcast_to(eta, (len(PAST.x), eta.shape[-1]))
        rows.append(
            [of(process.params(eta[i]), *PAST.rows(slice(i, i + 1))) for i in range(len(eta))]
        )
    return np.array(rows)


def purchases(process, upto):
    def of(th, x, t_x, T):
        there = process.alive(th, x, t_x, T)[:, 0]
        H = np.array([upto])
        return sum(p * process.purchases(th, x, T, H, j)[0] for j, p in enumerate(there))

    return of


def active(process, span):
    def of(th, x, t_x, T):
        there = process.alive(th, x, t_x, T)[:, 0]
        ends = [np.array([end]) for end in span]
        return sum(p * process.p_active(th, x, T, *ends, j)[0] for j, p in enumerate(there))

    return of


@pytest.mark.parametrize("groups", [1, 3, 6])
@pytest.mark.parametrize("span", [SPAN, Span(20.0, 50.0)])
def test_means_and_spread_are_those_of_plain_loops(name, process, groups, span):
    known = seen(name, groups=groups)
    view = Outlook(process, PAST, known, span)
    made = each(process, known, purchases(process, span.end))
    if span.start:
        made = made - each(process, known, purchases(process, span.start))
    means, spread = view.means(), view.spread()
    assert means.purchases == pytest.approx(made.mean(axis=0), rel=1e-9)
    alive = each(process, known, lambda th, *past: process.alive(th, *past).sum())
    assert means.p_alive == pytest.approx(alive.mean(axis=0), rel=1e-12)
    some = each(process, known, active(process, span))
    assert means.p_active == pytest.approx(some.mean(axis=0), rel=1e-9)
    assert spread.mean == pytest.approx(made.mean(axis=0), rel=1e-9)
    assert spread.sd == pytest.approx(made.std(axis=0), rel=1e-7)
    assert spread.quantiles == pytest.approx(np.quantile(made, LEVELS, axis=0), rel=1e-9)


@pytest.mark.parametrize("groups", [1, 3])
def test_counts_are_those_of_plain_loops(name, process, groups):
    known, most = seen(name, groups=groups), 4
    found = Outlook(process, PAST, known, SPAN).counts(most)

    def of(th, x, t_x, T):
        there = process.alive(th, x, t_x, T)[:, 0]
        p = np.zeros(most + 1)
        p[0] = 1 - there.sum()
        for stage, share in enumerate(there):
            steps = process.counts(th, x, T, np.array([SPAN.end]), stage)
            p += share * np.array(list(itertools.islice(steps, most + 1)))[:, 0]
        return p

    true = each(process, known, of).mean(axis=0)
    assert found[:, :-1] == pytest.approx(true, rel=1e-9, abs=1e-13)
    assert found.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-12)
    means = Outlook(process, PAST, known, SPAN).means()
    assert found[:, 0] == pytest.approx(1 - means.p_active, rel=1e-9)


@pytest.mark.parametrize("groups", [1, 3])
def test_purchases_by_time_are_those_of_the_middle(name, process, groups):
    known = seen(name, groups=groups)
    ends = np.array([0.0, 10.0, 50.0])
    found = Outlook(process, PAST, known, SPAN).by_time(ends)
    eta = np.broadcast_to(known.middle(slice(None)), (6, 4))
    for i in range(6):
        th, past = process.params(eta[i]), PAST.rows(slice(i, i + 1))
        true = [purchases(process, end)(th, *past) for end in ends]
        assert found[:, i] == pytest.approx(true, rel=1e-9)


def test_the_order_of_rows_does_not_matter(name, process):
    known = seen(name, groups=3)
    mixed = np.array([4, 1, 5, 0, 3, 2])
    other = seen(name, groups=3)
    other.grouped = Grouped(known.grouped.groups, known.grouped.which[mixed])
    one = Outlook(process, PAST, known, SPAN)
    two = Outlook(process, Past(*(c[mixed] for c in PAST)), other, SPAN)
    for a, b in zip(one.means(), two.means(), strict=True):
        assert b == pytest.approx(a[mixed], rel=1e-12)
    assert two.counts(3) == pytest.approx(one.counts(3)[mixed], rel=1e-12)
    assert two.spread().quantiles == pytest.approx(one.spread().quantiles[:, mixed], rel=1e-12)


def test_groups_that_do_not_differ_are_one_population(name, process):
    alone = Outlook(process, PAST, seen(name), Span(10.0, 50.0))
    alike = Outlook(process, PAST, seen(name, groups=3, spread=0.0), Span(10.0, 50.0))
    for a, b in zip(alone.means(), alike.means(), strict=True):
        assert b == pytest.approx(a, rel=1e-9)
    for a, b in zip(alone.spread(), alike.spread(), strict=True):
        assert b == pytest.approx(a, rel=1e-7)
    assert alike.counts(3) == pytest.approx(alone.counts(3), rel=1e-9, abs=1e-13)
    ends = np.array([5.0, 50.0])
    assert alike.by_time(ends) == pytest.approx(alone.by_time(ends), rel=1e-9)


def test_spans_add_up(name, process):
    known = seen(name, groups=3)
    early, late, whole = (
        Outlook(process, PAST, known, Span(*ends)).means()
        for ends in ((0.0, 20.0), (20.0, 50.0), (0.0, 50.0))
    )
    assert early.purchases + late.purchases == pytest.approx(whole.purchases, rel=1e-9)
    assert (early.p_active + late.p_active >= whole.p_active - 1e-12).all()
    assert (late.p_active <= whole.p_active + 1e-12).all()
    assert (late.p_alive == whole.p_alive).all()


def test_blocks_change_nothing(name, process, monkeypatch):
    known = seen(name, groups=3)
    whole = Outlook(process, PAST, known, SPAN).spread()
    monkeypatch.setattr(outlook, "CELLS", 14)
    for a, b in zip(whole, Outlook(process, PAST, known, SPAN).spread(), strict=True):
        assert b == pytest.approx(a, rel=1e-12)


@pytest.mark.parametrize(("n", "whole"), [(20_000, True), (8_000, False)])
def test_no_array_of_draws_and_customers_is_made(n, whole, monkeypatch):
    """Customers of 800 pasts that lie ahead alike, or of their own: 1.6 KB each a dense array."""
    monkeypatch.setattr(outlook, "TABLE", 1 << 17)  # small, as those customers are few
    monkeypatch.setattr(outlook, "CELLS", 1 << 14)
    rng = np.random.default_rng(2)
    T = rng.integers(50, 100, n) + (0.0 if whole else rng.random(n))
    x = rng.integers(0, 8, n).astype(np.float64)
    t_x = np.where(x > 0, np.floor(T * rng.random(n)), 0.0)
    past, known = Past(x, t_x, T), seen("bgnbd", customers=n, draws=200)
    assert known.draws == 200
    tracemalloc.start()
    view = Outlook(PROCESSES["bgnbd"], past, known, SPAN)
    view.means()
    view.spread()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200 * n * 8 / 2


def test_customers_of_their_own_coordinates_need_no_rules_of_their_own(monkeypatch):
    """As a covariate makes them: a rule for each customer and draw was ten times as slow."""
    rules, made = [], beta_geometric.beta_rules

    def counted(a, b, K):
        rules.append(len(b))
        return made(a, b, K)

    monkeypatch.setattr(beta_geometric, "beta_rules", counted)
    view = Outlook(PROCESSES["bgnbd"], PAST, seen("bgnbd", groups=6), Span(20.0, 50.0))
    view.means()
    view.spread()
    assert not rules


@pytest.mark.parametrize("groups", [1, 3])
def test_draws_have_the_mean_and_the_chance_of_none(name, process, groups):
    """Five standard errors; draws of the posterior take turns, each as often as any other."""
    known, draws = seen(name, groups=groups), 7 * 6_000
    th = process.params(known.block(slice(None), draws))
    drawn = draw_counts(process, th, PAST, SPAN.end, draws, np.random.default_rng(4))
    means = Outlook(process, PAST, known, SPAN).means()
    noise = drawn.std(axis=1) / np.sqrt(draws)
    assert (np.abs(drawn.mean(axis=1) - means.purchases) < 5 * noise).all()
    p = means.p_active
    assert (np.abs((drawn > 0).mean(axis=1) - p) < 5 * np.sqrt(p * (1 - p) / draws)).all()
