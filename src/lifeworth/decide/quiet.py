"""Standard output without a line that HiGHS prints, however silent it is told to be.

HiGHS up to 1.12, which scipy 1.17 brings, tells of every integer solution that is over a limit by
more than its tolerance, and goes on. The line comes from C, past sys.stdout.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

OUTPUT = 1
"""The file descriptor of standard output."""

CHATTER = b"HighsMipSolverData::"

_ONE_AT_A_TIME = Lock()


@contextmanager
def without_chatter() -> Iterator[None]:
    """Keep back what is written to standard output meanwhile, then write all else of it."""
    with _ONE_AT_A_TIME, tempfile.TemporaryFile() as kept:
        try:
            real = os.dup(OUTPUT)
        except OSError:  # a process without standard output
            yield
            return
        os.dup2(kept.fileno(), OUTPUT)
        try:
            yield
        finally:
            os.dup2(real, OUTPUT)
            os.close(real)
            kept.seek(0)
            said = b"".join(line for line in kept if not line.startswith(CHATTER))
            if said:
                os.write(OUTPUT, said)
