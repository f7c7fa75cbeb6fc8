"""Search against sorting everything; an index against the recall it was measured to have."""

import numpy as np
import pytest

from lifeworth.models import search
from lifeworth.models.search import Index, Search, cells, exact, lengthened
from lifeworth.tables.errors import InputError


def vectors(seed: int, rows: int, d: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, d)).astype(np.float32)


def by_sorting(queries: np.ndarray, products: np.ndarray, k: int, allowed=None) -> np.ndarray:
    """Return the k best in float64, ties by number, -1 after the end."""
    made = np.full((len(queries), k), -1)
    chosen = np.arange(len(products)) if allowed is None else np.flatnonzero(allowed)
    for row, query in enumerate(queries.astype(np.float64)):
        scores = (products[chosen].astype(np.float64) * query).sum(axis=1)
        best = chosen[np.lexsort((chosen, -scores))[:k]]
        made[row, : len(best)] = best
    return made


@pytest.mark.parametrize("k", [1, 7, 90])
def test_exact_is_what_sorting_finds(monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    """In several blocks of both, and with groups in them."""
    monkeypatch.setattr(search, "ROWS", 17)
    monkeypatch.setattr(search, "COLUMNS", 400)
    queries, products = vectors(1, 50), vectors(2, 1_234)
    np.testing.assert_array_equal(
        exact(queries, products, k).product, by_sorting(queries, products, k)
    )


def test_equal_scores_are_in_the_order_of_products(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of small whole numbers, whose products are exact; most scores are tied, all of query 0."""
    monkeypatch.setattr(search, "COLUMNS", 100)
    rng = np.random.default_rng(3)
    queries, products = (rng.integers(-1, 2, (n, 4)).astype(np.float32) for n in (40, 700))
    queries[0] = 0
    said = exact(queries, products, 12)
    np.testing.assert_array_equal(said.product, by_sorting(queries, products, 12))
    np.testing.assert_array_equal(said.product[0], np.arange(12))
    monkeypatch.setattr(search, "MANY", 1_000)  # so many ties that queries are taken apart
    np.testing.assert_array_equal(exact(queries, products, 12).product, said.product)


def test_what_float32_cannot_tell_apart_is_decided_in_float64() -> None:
    """Products that differ by less than the rounding of a product of 300 numbers in float32."""
    rng = np.random.default_rng(4)
    one = rng.normal(size=300).astype(np.float32)
    products = np.tile(one, (500, 1))
    products[np.arange(500), rng.integers(300, size=500)] *= np.float32(1 + 1e-6)
    queries = rng.normal(size=(20, 300)).astype(np.float32)
    np.testing.assert_array_equal(
        exact(queries, products, 10).product, by_sorting(queries, products, 10)
    )


def test_a_list_does_not_depend_on_the_other_queries() -> None:
    queries, products = vectors(5, 300, 64), vectors(6, 3_000, 64)
    whole = exact(queries, products, 20)
    for row in (0, 123, 299):
        alone = exact(queries[row : row + 1], products, 20)
        np.testing.assert_array_equal(alone.product[0], whole.product[row])
        np.testing.assert_array_equal(alone.score[0], whole.score[row])


def test_what_is_not_allowed_takes_no_place() -> None:
    """The best five of what is left, not what is left of the best five; short lists are short."""
    queries, products = vectors(7, 30), vectors(8, 200)
    allowed = np.random.default_rng(9).random(200) < 0.1
    said = Index(products=products, cells=None).search(queries, 5, allowed)
    np.testing.assert_array_equal(said.product, by_sorting(queries, products, 5, allowed))
    few = np.arange(200) < 2
    short = exact(queries, products, 5, few)
    assert (np.sort(short.product[:, :2], axis=1) == [0, 1]).all()
    assert (short.product[:, 2:] == -1).all()
    assert np.isneginf(short.score[:, 2:]).all()
    assert (exact(queries, products, 5, np.zeros(200, dtype=bool)).product == -1).all()
    assert exact(queries[:0], products, 5).product.shape == (0, 5)


def test_a_mask_of_other_products_is_refused() -> None:
    made = Index(products=vectors(8, 200), cells=None)
    with pytest.raises(InputError, match="199 values for 200 products"):
        made.search(vectors(7, 3), 5, np.ones(199, dtype=bool))


# ---- an index


HOW = Search(exact_below=1_000, recall=0.95, at=20, sample=500)
D = 24


def clustered(seed: int, rows: int) -> np.ndarray:
    """Return vectors around 300 centres, of unlike lengths."""
    centre = np.random.default_rng(0).normal(size=(300, D))
    rng = np.random.default_rng(seed)
    near = centre[rng.integers(300, size=rows)] + 0.5 * rng.normal(size=(rows, D))
    return (near * rng.uniform(0.7, 1.3, (rows, 1))).astype(np.float32)


@pytest.fixture(scope="module")
def index() -> Index:
    pytest.importorskip("faiss")
    products = clustered(1, 20_000)
    return Index(products=products, cells=cells(products, clustered(2, 2_000), HOW, 3))


def test_a_product_that_is_longer_by_the_extra_number_is_nearest_by_the_inner_product() -> None:
    """|q - v|^2 = |q|^2 + M^2 - 2 q v, once every v has length M."""
    products, queries = clustered(4, 50), clustered(5, 8)
    long = lengthened(products)
    length = np.linalg.norm(long, axis=1)
    np.testing.assert_allclose(length, length.max(), rtol=1e-5)
    apart = ((np.pad(queries, ((0, 0), (0, 1)))[:, None] - long) ** 2).sum(axis=2)
    np.testing.assert_array_equal(apart.argmin(axis=1), (queries @ products.T).argmax(axis=1))


def test_an_index_has_the_recall_it_was_measured_to_have(index: Index) -> None:
    """On fresh queries, within 4 standard errors of both samples; and it looks at few products."""
    fresh = clustered(6, 1_500)
    truth, said = exact(fresh, index.products, 20).product, index.search(fresh, 20)
    found = (said.product[:, :, None] == truth[:, None, :]).any(axis=1).mean(axis=1)
    error = found.std() * np.sqrt(1 / len(fresh) + 1 / HOW.sample)
    assert index.cells is not None
    assert index.cells.recall >= HOW.recall
    assert abs(found.mean() - index.cells.recall) < 4 * error
    assert index.cells.probes <= 0.1 * len(index.cells.centre)
    scores = np.einsum("qkd,qd->qk", index.products[said.product].astype(float), fresh)
    np.testing.assert_allclose(said.score, scores, rtol=1e-12)
    assert (np.diff(said.score, axis=1) <= 0).all()


def test_how_long_a_query_is_does_not_matter(index: Index) -> None:
    """Asked without their length, the cells of short queries would be those near to 0."""
    fresh = clustered(6, 300)
    short = index.search(np.float32(0.01) * fresh, 20)
    whole = index.search(fresh, 20)
    same = (short.product[:, :, None] == whole.product[:, None, :]).any(axis=1).mean()
    assert same > 0.999  # a rounding may turn a cell or a tie
    zero = index.search(np.zeros((1, D), dtype=np.float32), 3)
    assert (zero.score == 0).all()


def test_the_same_seed_gives_the_same_cells(index: Index) -> None:
    again = cells(index.products, clustered(2, 2_000), HOW, 3)
    assert again is not None
    assert index.cells is not None
    np.testing.assert_array_equal(again.centre, index.cells.centre)
    assert (again.probes, again.recall) == (index.cells.probes, index.cells.recall)


@pytest.mark.parametrize("share", [0.5, 0.002])
def test_an_index_leaves_out_what_is_not_allowed(index: Index, share: float) -> None:
    """A mask that leaves little is searched exactly, for its few are in cells far away."""
    fresh, allowed = clustered(7, 300), np.random.default_rng(8).random(20_000) < share
    truth, said = exact(fresh, index.products, 20, allowed), index.search(fresh, 20, allowed)
    assert allowed[said.product].all()
    found = (said.product[:, :, None] == truth.product[:, None, :]).any(axis=1).mean(axis=1)
    assert found.mean() > HOW.recall - 4 * found.std() / np.sqrt(300)
    three = np.arange(20_000) < 3
    assert (index.search(fresh, 5, three).product[:, 3:] == -1).all()


def test_a_recall_out_of_reach_is_refused() -> None:
    """Of vectors without any clusters, a quarter of the cells holds too few of the best."""
    pytest.importorskip("faiss")
    products, queries = vectors(9, 5_000, 64), vectors(10, 400, 64)
    with pytest.raises(InputError, match=r"finds 0\.\d+ of the best 20 at its largest setting, 70"):
        cells(products, queries, HOW, 0)


def test_few_products_need_no_cells() -> None:
    assert cells(vectors(11, 999), vectors(12, 10), HOW, 0) is None
