"""`python -m benchmarks [CLAIM ...] [--small] [...]` measures the named claims, or all of them."""

import importlib
import sys

from benchmarks import page

# cold_start first: it measures the smallest process, and printing makes this one grow.
CLAIMS = (
    "cold_start", "score", "fit", "summary", "end_to_end", "pareto", "posterior",
    "posterior_scores", "pooling", "coverage", "calibration", "networks", "networks_truth",
    "assign", "board", "personas", "personas_truth", "ledger", "uplift_truth", "offpolicy_truth",
    "index",
)  # fmt: skip


def main(words: list[str]) -> None:
    """Measure, and write the page unless the figures are not to be kept."""
    for name in [claim for claim in CLAIMS if claim in words] or CLAIMS:
        importlib.import_module(f"benchmarks.{name}").main([w for w in words if w not in CLAIMS])
    if not {"--small", "--results", "--help", "-h"} & set(words):
        page.main()


if __name__ == "__main__":
    main(sys.argv[1:])
