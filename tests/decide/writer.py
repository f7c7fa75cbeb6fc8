"""A process that writes a campaign to a ledger: `python writer.py FILE CUSTOMERS CHUNK DESIGN`."""

import datetime as dt
import json
import sys

from lifeworth.decide.holdout import Design
from lifeworth.decide.ledger import Ledger


def main():
    file, customers, chunk, design = sys.argv[1:]
    ids = [f"c{i:07d}" for i in range(int(customers))]
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(design).items()}
    with Ledger(file, chunk=int(chunk)) as ledger:
        at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        written = ledger.assign(ids, "spring", Design(**fields), "mail", at=at)
    sys.stdout.write(f"{written.new}\n")


if __name__ == "__main__":
    main()
