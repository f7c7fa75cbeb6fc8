"""The command `lifeworth`: verbs, their help, and errors in words."""

import importlib
import importlib.metadata
import sys
from collections.abc import Mapping
from typing import NamedTuple

from lifeworth.tables.errors import did_you_mean

USAGE = """lifeworth: what each customer of a shop is worth.

usage: lifeworth VERB [NAME=VALUE ...]      lifeworth VERB --help says what a verb takes

{verbs}

A first run, on real customers and with no file of your own:  lifeworth run experiment=clv_cdnow
"""


class Verb(NamedTuple):
    """A verb: what it does, and the module that does it (imported only when called).

    A verb that does several things has actions instead, which are verbs themselves.
    """

    does: str
    module: str = ""
    actions: Mapping[str, "Verb"] | None = None


VERBS = {
    "run": Verb("fit a model, judge it by what came after, write a report", ""),
    "data": Verb("list the sources, say what each needs, check a folder", "lifeworth.run.sources"),
    "compare": Verb("print all runs side by side", "lifeworth.run.compare"),
    "export": Verb("write the scores of a run as a bundle a shop can load", "lifeworth.run.export"),
    "target": Verb("choose whom to target with a costed action", "lifeworth.run.target"),
    "recommend": Verb("say what to show to each visit, within caps", "lifeworth.run.recommend"),
    "replay": Verb("judge other lists by what random ones brought", "lifeworth.run.replay"),
    "assign": Verb("say who gets which offer, within a budget and limits", "lifeworth.run.assign"),
    "board": Verb("say who gets which action, by rules, and why", "lifeworth.run.board"),
    "score": Verb("put value, persona and actions of today's customers", "lifeworth.run.score"),
    "experiment": Verb(
        "plan an experiment on customers, or read one that ran",
        actions={
            "design": Verb("say how many customers it takes, and how long", "lifeworth.run.design"),
            "analyse": Verb("check the groups, then read the differences", "lifeworth.run.analyse"),
        },
    ),
}


def main(words: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 if something given cannot be used."""
    verb, *rest = (sys.argv[1:] if words is None else words) or ["--help"]
    if verb in ("--help", "-h", "help"):
        return _say(USAGE.format(verbs=_listed(VERBS)))
    if verb == "--version":
        return _say(f"lifeworth {importlib.metadata.version('lifeworth')}\n")
    if verb not in VERBS:
        return _refuse(f"lifeworth: no verb '{verb}'{_hint(verb, VERBS)}")
    return _run(rest) if verb == "run" else _do(f"lifeworth {verb}", VERBS[verb], rest)


def _listed(verbs: Mapping[str, Verb], of: str = "") -> str:
    width = max(map(len, verbs)) + 3
    return "\n".join(f"  {of}{name:<{width}}{verb.does}" for name, verb in verbs.items())


def _hint(word: str, verbs: Mapping[str, Verb]) -> str:
    return f"{did_you_mean(word, verbs)}; there are {', '.join(verbs)}"


def _run(words: list[str]) -> int:
    from lifeworth.run.conf import conf_folder
    from lifeworth.run.hydra_app import compose_and_run

    return compose_and_run(words, conf_folder())


def _choose(called: str, verb: Verb, actions: Mapping[str, Verb], words: list[str]) -> int:
    """Do the action that the first word names."""
    action, *rest = words or ["--help"]
    if action in ("--help", "-h", "help"):
        listed = _listed(actions, f"{called} ")
        return _say(
            f"{called}: {verb.does}\n\n{listed}\n\n"
            f"{called} ACTION --help says what an action takes\n"
        )
    if action not in actions:
        return _refuse(f"{called}: no action '{action}'{_hint(action, actions)}")
    return _do(f"{called} {action}", actions[action], rest)


def _do(called: str, verb: Verb, words: list[str]) -> int:
    from lifeworth.run.words import described, read
    from lifeworth.tables.errors import InputError

    if verb.actions is not None:
        return _choose(called, verb, verb.actions, words)
    module = importlib.import_module(verb.module)
    if {"--help", "-h"} & set(words):
        about = f"{called}: {verb.does}\n\n"
        return _say(about + described(module.Arguments) + "\n\n" + module.EXAMPLES + "\n")
    try:
        return module.main(read(called, words, module.Arguments))
    except InputError as error:
        return _refuse(str(error))
    except OSError as error:
        what = f"{error.strerror}: {error.filename}" if error.filename else str(error)
        return _refuse(f"{called}: {what}; name a file or folder that can be used")


def _say(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _refuse(text: str) -> int:
    sys.stderr.write(text + "\n")
    return 2
