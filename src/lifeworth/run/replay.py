"""Lists drawn at random and what they brought: what other penalties would have brought."""

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field
from rich.console import Console
from rich.text import Text

from lifeworth.decide.explore import Exploration
from lifeworth.decide.replay import Policy, replay
from lifeworth.decide.replay import Replayed as Read
from lifeworth.decide.rerank import KEYS, NUMBERS, with_worth
from lifeworth.evaluate.cascade import guess
from lifeworth.evaluate.offpolicy import LEAST, Name, judge, measured, shown, table
from lifeworth.report.replayed import MEANINGS, Replayed, headline, replayed_grid
from lifeworth.report.terminal import print_grid, print_path
from lifeworth.report.wording import number
from lifeworth.run.files import refuse_endings, refuse_nowhere, refuse_same, write_frame
from lifeworth.run.list_words import Drawn, Penalising, as_drawn, beside
from lifeworth.tables.columns import Kind, read_columns
from lifeworth.tables.errors import InputError, agreed

VERB = "lifeworth replay"
TARGET = "target_cents"
FEATURES = ("score_cents", TARGET, "p_purchase")
"""Columns of the candidates that the model of rewards knows."""

UNSCALED: tuple[Name, ...] = ("ips", "cascade_ips")
FAR = 0.1
"""Estimators that are wrong by as much as the mean weight is, and by how much it may be off 1."""

OWN = "These are the words that the log was drawn by: the target is what was shown"

NO_SALE = (
    "there is no sale in it, so that every list brought 0 and none can be told from another; wait "
    "for sales, or look whether it was exported for the visits of the log"
)
"""What outcomes without rows mean."""

EXAMPLES = """  lifeworth replay log=log.parquet candidates=shown.parquet outcomes=sold.csv alpha=2
  lifeworth replay log=log.parquet candidates=shown.parquet outcomes=clicks.csv reward=clicks \\
    beta=0 customers=visits.csv out=replayed.csv

The log and the candidates are the files log= and out= of one call of lifeworth recommend, which
writes beside the log (log.parquet.json) by which words it was drawn: size, per_category,
per_seller, temperature and floor are read there and need not be given. alpha, beta,
stock_cover_days, empty_cents and return_cents are what is asked about: what would lists have
brought that are drawn so, or at target_temperature=? Those not given are as in the log. The file of
outcomes has visit_id, product_id and what a product of the list brought in that visit (net_cents,
unless reward= names another column); what is not in it brought 0, so the log is to have only visits
that were shown its lists. customers= says whose a visit is (visit_id, customer_id), where somebody
has several.

A target is judged by what was shown: one that is far from it has few customers behind its estimate,
and below least= of them there is none. What the log's words find worth no more than 0 is never
drawn, so draw by the mildest penalties that will be asked about."""


class Arguments(Drawn):
    """A log, what it brought, and the lists that are asked about."""

    log: str = Field(description="file of lists drawn at random, by recommend log=...")
    candidates: str = Field(description="file of their candidates, by recommend out=...")
    outcomes: str = Field(description="CSV or Parquet file of what products brought")
    reward: str = Field("net_cents", description="its column of what is counted")
    customers: str | None = Field(None, description="file of visit_id, customer_id")
    target_temperature: float | None = Field(
        None, ge=0, description="to be judged; none for that of the log"
    )
    least: float = Field(LEAST, ge=1, description="customers behind an estimate, at least")
    out: str | None = Field(None, description="file of the estimates: CSV, or Parquet")
    delimiter: str = Field(",", min_length=1, max_length=1, description="of a CSV file")


def main(arguments: Arguments) -> int:
    """Judge the target by every estimator that can, and print what they say."""
    _refuse_files(arguments)
    console = Console()
    arguments = _as_drawn(arguments, console)
    candidates = _candidates(arguments)
    log = _with_outcomes(arguments, console)
    own = candidates["visit_id"].isin(log["visit_id"])
    left = candidates.loc[~own, "visit_id"].nunique()
    if left:
        known = agreed(left, "visit", "have", "of the candidates")
        note = f"Note: {known} no list in the log: left out."
        console.print(Text(note, style="yellow"))
    drawn, target = _policies(arguments)
    found = replay(log, candidates[own], drawn, target, arguments.reward, FEATURES)
    customer = _customers(arguments, found.visit_id)
    judged = _judged(found, customer, arguments.least, console)
    unit = " cents" if arguments.reward.endswith("_cents") else f" {arguments.reward}"
    told = shown(found.lists).estimate(customer)
    same = bool(np.allclose(found.target.chance, found.lists.propensity))
    console.print(f"{OWN if same else headline(judged, told, unit)}.")
    print_grid(replayed_grid(judged), console)
    if arguments.out is not None:
        path = Path(arguments.out)
        write_frame(VERB, "out", path, _table(judged, arguments, (told.value, len(found.visit_id))))
        print_path("Estimates", path, console)
    return 0


def _refuse_files(arguments: Arguments) -> None:
    """Refuse a file that could not be written, or that would be written over."""
    read = {n: getattr(arguments, n) for n in ("log", "candidates", "outcomes", "customers")}
    written = {"out": arguments.out}
    refuse_same(VERB, written, read)
    refuse_endings(VERB, written)
    refuse_nowhere(VERB, written)


def _as_drawn(arguments: Arguments, console: Console) -> Arguments:
    """Return the words with those of the log, or say that these are not known."""
    path = beside(arguments.log)
    if not path.is_file():
        note = (
            f"Note: {path.name} is not beside the log, so size, caps, temperature and floor are as "
            "they are given here."
        )
        console.print(Text(note, style="yellow"))
    return as_drawn(VERB, arguments.log, arguments)


def _policies(arguments: Arguments) -> tuple[Policy, Policy]:
    """Return how the lists were drawn, and how those asked about would be."""
    caps, other = arguments.caps(), _heat(arguments)
    return (
        Policy(how=arguments.exploration(), caps=caps),
        Policy(how=Exploration(temperature=other, floor=arguments.floor), caps=caps, score=TARGET),
    )


def _heat(arguments: Arguments) -> float:
    """Return the temperature that is asked about."""
    own = arguments.target_temperature
    return arguments.temperature if own is None else own


def _candidates(arguments: Arguments) -> pd.DataFrame:
    """Return the candidates with their score, and the one that the target gives them."""
    groups = [n for n in ("category", "seller") if getattr(arguments, f"per_{n}") is not None]
    frame = read_columns(
        Path(arguments.candidates),
        {
            **dict.fromkeys(("visit_id", "product_id", *groups), "text"),
            **dict.fromkeys((*NUMBERS, "score_cents"), "number"),
        },
        {"stock_units": "number"},
        once=KEYS,
        delimiter=arguments.delimiter,
    )
    target = with_worth(frame, arguments.penalties())["score_cents"]
    return frame.assign(**{TARGET: target})


def _with_outcomes(arguments: Arguments, console: Console) -> pd.DataFrame:
    """Return the log with what each of its products brought."""
    given = {"delimiter": arguments.delimiter}
    log = read_columns(
        Path(arguments.log),
        {**dict.fromkeys(KEYS, "text"), "place": "count", "propensity": "number"},
        once=KEYS,
        **given,
    )
    if arguments.reward in (*KEYS, "place", "propensity"):
        raise InputError(
            f"{VERB}: reward={arguments.reward} is a column of the log; name the column of the "
            "outcomes that says what a product brought, such as net_cents"
        )
    kinds = {**dict.fromkeys(KEYS, "text"), arguments.reward: "number"}
    brought = read_columns(Path(arguments.outcomes), kinds, once=KEYS, empty=NO_SALE, **given)
    pairs = [pd.MultiIndex.from_frame(frame[list(KEYS)]) for frame in (brought, log)]
    strange = ~pairs[0].isin(pairs[1])
    if strange.all():
        first = brought.iloc[0]
        raise InputError(
            f"{VERB}: none of the {len(brought):,} outcomes is of a product that the log has in "
            f"that visit, first '{first['product_id']}' of '{first['visit_id']}'; give outcomes by "
            "the visit_id and product_id of the log"
        )
    if strange.any():
        note = (
            f"Note: {int(strange.sum()):,} of {len(brought):,} outcomes are of products that the "
            "log did not show in that visit, and count as nothing."
        )
        console.print(Text(note, style="yellow"))
    both = log.merge(brought[~strange], on=list(KEYS), how="left", validate="one_to_one")
    return both.fillna({arguments.reward: 0.0})


def _customers(arguments: Arguments, visit_id: np.ndarray) -> np.ndarray | None:
    """Return whose each visit is, or None if every visit is a customer of its own."""
    if arguments.customers is None:
        return None
    path = Path(arguments.customers)
    kinds: dict[str, Kind] = dict.fromkeys(("visit_id", "customer_id"), "text")
    frame = read_columns(path, kinds, once=["visit_id"], delimiter=arguments.delimiter)
    own = frame.set_index("visit_id")["customer_id"].reindex(visit_id)
    if own.isna().any():
        first = own.index[own.isna()][0]
        raise InputError(
            f"{VERB}: {path.name} says of {int(own.isna().sum()):,} of {len(own):,} visits not "
            f"whose they are, first '{first}'; add them"
        )
    return own.to_numpy()


def _judged(
    found: Read, customer: np.ndarray | None, least: float, console: Console
) -> list[Replayed]:
    """Return what the estimators say; why others say nothing is printed."""
    sides = found.lists, found.target
    learnt = guess(found.lists, found.described, customer)
    told, refused = [], []
    for name in MEANINGS:
        try:
            one = judge(name, *sides, guess=learnt, customer=customer, least=least)
        except InputError as error:
            refused.append(str(error))
            continue
        if name in UNSCALED and abs(one.mean_weight - 1) > FAR:
            refused.append(
                f"{name}: weights of whole lists average {number(one.mean_weight, 2)} and should "
                "average 1, so a few lists that were not shown would matter most"
            )
            continue
        gain = measured(name, *sides, learnt) - shown(found.lists)
        told.append(Replayed(judged=one, gain=gain.estimate(customer)))
    if not told:
        raise InputError(refused[0])
    for why in refused:
        console.print(Text(f"No {why}.", style="dim"))
    return told


def _table(
    judged: list[Replayed], arguments: Arguments, shown_of: tuple[float, int]
) -> pd.DataFrame:
    """Return a row for each estimator, and the words of the target.

    `shown_of`: what the lists that were shown brought a visit, and how many visits there are.
    """
    gains = [(one.gain.value, *one.gain.interval()) for one in judged]
    columns = pd.Index(["gain", "gain_low", "gain_high"])
    both = pd.concat(
        [table([one.judged for one in judged]), pd.DataFrame(gains, columns=columns)], axis=1
    )
    return both.assign(
        shown=shown_of[0],
        visits=shown_of[1],
        reward=arguments.reward,
        **{name: getattr(arguments, name) for name in Penalising.model_fields},
        target_temperature=_heat(arguments),
    )
