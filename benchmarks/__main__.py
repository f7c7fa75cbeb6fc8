"""`python -m benchmarks [CLAIM ...] [--small] [...]` measures the named claims, or all of them."""

import importlib
import sys

# cold_start first: it measures the smallest process, and printing makes this one grow.
CLAIMS = ("cold_start", "score", "fit", "summary", "end_to_end")

if __name__ == "__main__":
    words = sys.argv[1:]
    named = [claim for claim in CLAIMS if claim in words] or CLAIMS
    for name in named:
        importlib.import_module(f"benchmarks.{name}").main([w for w in words if w not in CLAIMS])
