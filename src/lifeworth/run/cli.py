"""The command `lifeworth`: verbs, their help, and errors in words."""

import difflib
import importlib
import importlib.metadata
import sys
from typing import NamedTuple

USAGE = """lifeworth: what each customer of a shop is worth.

usage: lifeworth VERB [NAME=VALUE ...]      lifeworth VERB --help says what a verb takes

{verbs}

A first run, on real customers and with no file of your own:  lifeworth run experiment=clv_cdnow
"""


class Verb(NamedTuple):
    """A verb: what it does, and the module that does it (imported only when called)."""

    does: str
    module: str


VERBS = {
    "run": Verb("fit a model, judge it by what came after, write a report", ""),
    "data": Verb("list the sources, say what each needs, check a folder", "lifeworth.run.sources"),
    "compare": Verb("print all runs side by side", "lifeworth.run.compare"),
    "export": Verb("write the scores of a run as a bundle a shop can load", "lifeworth.run.export"),
    "target": Verb("choose whom to target with a costed action", "lifeworth.run.target"),
}


def main(words: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 if something given cannot be used."""
    verb, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if verb in ("--help", "-h", "help"):
        return _say(USAGE.format(verbs="\n".join(f"  {n:<9}{v.does}" for n, v in VERBS.items())))
    if verb == "--version":
        return _say(f"lifeworth {importlib.metadata.version('lifeworth')}\n")
    if verb not in VERBS:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f", did you mean '{near[0]}'?" if near else ""
        return _refuse(f"lifeworth: no verb '{verb}'{hint}; there are {', '.join(VERBS)}")
    return _run(rest) if verb == "run" else _do(verb, rest)


def _run(words: list[str]) -> int:
    from lifeworth.run.conf import conf_folder
    from lifeworth.run.hydra_app import compose_and_run

    return compose_and_run(words, conf_folder())


def _do(verb: str, words: list[str]) -> int:
    from lifeworth.run.words import described, read
    from lifeworth.tables.errors import InputError

    module = importlib.import_module(VERBS[verb].module)
    if {"--help", "-h"} & set(words):
        about = f"lifeworth {verb}: {VERBS[verb].does}\n\n"
        return _say(about + described(module.Arguments) + "\n\n" + module.EXAMPLES + "\n")
    try:
        return module.main(read(f"lifeworth {verb}", words, module.Arguments))
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        what = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        return _refuse(f"lifeworth {verb}: {what}; name a file or folder that can be used")


def _say(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _refuse(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 2
