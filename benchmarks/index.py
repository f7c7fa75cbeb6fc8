"""A million products are searched by an index whose recall is measured; fewer all at once.

Vectors of 64 numbers and length 1, 100 around each centre, as like products are; a query is the
mean of three products of a centre. "exact" scores every product in float32 by blocks, "index"
searches cells of products (faiss), as many as it takes for a recall of .95 of the best 20 on 1,000
queries; "recall" is that on other queries, by what "exact" says in the same run. "batch" is what a
shop does at night: the best 20 of 40,000 products for each of 100,000 customers, all scored.
"""

from typing import TYPE_CHECKING, Any

from benchmarks.claim import Case, Side, parser, record, take_turns
from benchmarks.side import Sizes, Task, apart

if TYPE_CHECKING:
    import numpy as np

NAME = "index"
STAGE = "search"
LENGTH = 20
TARGET = 0.95
TOGETHER = 100
"""Products around a centre."""

AIM_MIB = 2_048
"""Peak of the whole process of "batch"."""


def main(words: list[str] | None = None) -> None:
    """Measure."""
    arguments = parser(str(__doc__), repeats=1)
    arguments.add_argument("--products", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=0)
    given = arguments.parse_args(words)
    sizes = {
        "products": given.products, "queries": 4_000, "customers": 100_000, "items": 40_000,
        "numbers": 64, "seed": given.seed,
    }  # fmt: skip
    if given.small:
        sizes |= {"products": 20_000, "queries": 500, "customers": 2_000, "items": 4_000}
    record(NAME, [measure(sizes, 1 if given.small else given.repeats)], given.results, STAGE)


def measure(sizes: Sizes, repeats: int) -> Case:
    """Measure all sides, and compare the lists of the first two."""
    with apart(sizes) as run:
        run(make)
        sides = take_turns([
            Side("lifeworth, exact", lambda _: run(every), repeats),
            Side("lifeworth, index", lambda _: run(index), repeats),
            Side("lifeworth, batch", lambda _: run(batch), repeats),
        ])  # fmt: skip
        found = run(compare).told
    return Case(sizes, sides, _checks(sizes, sides, found), alike=False)


def make(task: Task) -> dict[str, Any]:
    """Write products, queries to build by and others to ask; items and customers."""
    import numpy as np

    rng, n = np.random.default_rng(task.sizes["seed"]), task.sizes
    centres = n["products"] // TOGETHER
    centre = rng.normal(size=(centres, n["numbers"])).astype(np.float32)
    of = rng.integers(centres, size=n["products"])
    np.save(task.folder / "products.npy", _around(centre, of, rng))
    for name, rows in (("known", 2_000), ("queries", n["queries"]), ("customers", n["customers"])):
        of = rng.integers(centres, size=rows)
        three = sum(_around(centre, of, rng) for _ in range(3))
        np.save(task.folder / f"{name}.npy", _of_length_1(np.asarray(three)))
    of = rng.integers(centres, size=n["items"])
    np.save(task.folder / "items.npy", _around(centre, of, rng))
    return {}


def _around(centre: "np.ndarray", of: "np.ndarray", rng: "np.random.Generator") -> "np.ndarray":
    """Return vectors around centres."""
    import numpy as np

    noise = rng.standard_normal((len(of), centre.shape[1]), dtype=np.float32)
    return _of_length_1(centre[of] + 0.7 * noise)


def _of_length_1(vectors: "np.ndarray") -> "np.ndarray":
    import numpy as np

    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def every(task: Task) -> dict[str, Any]:
    """Score every product."""
    return _exactly(task, "queries", "products")


def batch(task: Task) -> dict[str, Any]:
    """Score every item for all customers."""
    return _exactly(task, "customers", "items")


def _exactly(task: Task, asked: str, products: str) -> dict[str, Any]:
    with task.stage("import"):
        import numpy as np

        from lifeworth.models.search import exact
    with task.stage("read"):
        queries, vectors = _read(task, asked), _read(task, products)
    with task.stage(STAGE):
        found = exact(queries, vectors, LENGTH)
    np.save(task.folder / f"{products}.best.npy", found.product)
    return {"lists": len(found.product)}


def index(task: Task) -> dict[str, Any]:
    """Build an index and search it."""
    with task.stage("import"):
        import faiss  # noqa: F401  # what the first search would import
        import numpy as np

        from lifeworth.models.search import Index, Search, cells
    with task.stage("read"):
        products = _read(task, "products")
    how = Search(exact_below=1, recall=TARGET, at=LENGTH, sample=1_000)
    with task.stage("build"):
        made = cells(products, _read(task, "known"), how, task.sizes["seed"])
        assert made is not None
        whole = Index(products=products, cells=made)
        whole.search(products[:1], 1)  # puts the products into the cells
    with task.stage(STAGE):
        found = whole.search(_read(task, "queries"), LENGTH)
    np.save(task.folder / "index.best.npy", found.product)
    return {"cells": len(made.centre), "probes": made.probes, "measured": made.recall}


def compare(task: Task) -> dict[str, Any]:
    """Return the share of the best that the index found, and its standard error."""
    truth, said = _read(task, "products.best"), _read(task, "index.best")
    share = (truth[:, :, None] == said[:, None, :]).any(axis=2).mean(axis=1)
    return {"recall": float(share.mean()), "error": float(share.std() / len(share) ** 0.5)}


def _read(task: Task, name: str) -> "np.ndarray":
    import numpy as np

    return np.load(task.folder / f"{name}.npy")


def _checks(
    sizes: Sizes, sides: dict[str, dict[str, Any]], found: dict[str, float]
) -> dict[str, Any]:
    every, index, batch = (sides[f"lifeworth, {w}"] for w in ("exact", "index", "batch"))
    told = index["told"]
    speed = {
        name: sizes["queries"] / side["stages"][STAGE]["wall_seconds"]
        for name, side in (("exact", every), ("index", index))
    }
    return {
        "recall": found["recall"],
        "recall_standard_error": found["error"],
        "recall_where_it_was_set": told["measured"],
        "cells": told["cells"],
        "cells_searched": told["probes"],
        "build_seconds": index["stages"]["build"]["wall_seconds"],
        "queries_per_second": speed,
        "batch_seconds": batch["stages"][STAGE]["wall_seconds"],
        "batch_peak_mib": batch["peak_mib"],
        "aims": {"recall": TARGET, "batch_peak_mib": AIM_MIB},
        "aims_met": found["recall"] > TARGET - 3 * found["error"] and batch["peak_mib"] < AIM_MIB,
    }
