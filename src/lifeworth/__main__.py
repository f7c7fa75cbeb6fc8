"""`python -m lifeworth` is the command `lifeworth`."""

import sys

from lifeworth.run.cli import main

if __name__ == "__main__":
    sys.exit(main())
