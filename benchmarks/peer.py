"""The interpreter of a peer that cannot be installed beside lifeworth."""

import argparse
import os

VARIABLE = "LIFEWORTH_PEER_PYTHON"


def add_to(arguments: argparse.ArgumentParser) -> None:
    """Add --peer-python."""
    arguments.add_argument(
        "--peer-python",
        default=os.environ.get(VARIABLE, ""),
        help=f"an interpreter with pymc-marketing (or {VARIABLE}); without one it is left out",
    )


def absent(python: str) -> dict[str, str]:
    """Return a check that says a peer was left out, if it was."""
    missing = "left out: no interpreter that has it, see --peer-python"
    return {} if python else {"pymc_marketing": missing}
