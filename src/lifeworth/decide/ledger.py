"""What each customer was drawn to be in each campaign, and was given: written once, never changed.

A ledger is a database: a file (SQLite), or any that SQLAlchemy reaches by a URL and that can insert
"on conflict do nothing" (SQLite, PostgreSQL). The database holds UNIQUE (campaign, customer), and
this module has no statement that updates or deletes. Customers are written in short transactions:
whoever stops in the middle keeps what was committed, and the next call draws those who are missing.
"""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.schema import CreateTable

from lifeworth.decide.holdout import PARTS, Design, Names, checked_ids, draw, policy_arms
from lifeworth.tables.errors import InputError

CHUNK = 10_000
"""Customers in a transaction."""

WAIT_SECONDS = 120
"""How long a writer waits for another to finish its transaction."""

DRAWN = ("customer_id", "part", "arm", "propensity")
"""What is drawn of an assignment."""

INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
"""Databases that insert 'on conflict do nothing'."""

Progress = Callable[[int], object]
"""Is told how many customers are done."""

Item = TypeVar("Item")

META = sa.MetaData()
KEY = ("campaign_id", "customer_id")
# SQLite: without a rowid a table is its key's tree, and is half as large.
OPTIONS: dict[str, Any] = {"sqlite_with_rowid": False}

CAMPAIGNS = sa.Table(
    "campaigns",
    META,
    sa.Column("campaign_id", sa.Text, primary_key=True),
    sa.Column("salt", sa.Text, nullable=False),
    **OPTIONS,
)
ASSIGNMENTS = sa.Table(
    "assignments",
    META,
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("part", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("propensity", sa.Double, nullable=False),
    sa.Column("assigned_at", sa.DateTime, nullable=False),
    sa.PrimaryKeyConstraint(*KEY),
    **OPTIONS,
)
EXPOSURES = sa.Table(
    "exposures",
    META,
    sa.Column("campaign_id", sa.Text, nullable=False),
    sa.Column("customer_id", sa.Text, nullable=False),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("exposed_at", sa.DateTime, nullable=False),
    sa.PrimaryKeyConstraint(*KEY),
    sa.ForeignKeyConstraint(KEY, [f"assignments.{column}" for column in KEY]),
    **OPTIONS,
)


class Written(NamedTuple):
    """What the ledger says of the customers it was asked to write, after it was asked.

    Attributes
    ----------
    frame
        A row per customer, in the order given: customer_id, part, arm, propensity, assigned_at.
    new
        How many of them this call wrote; the others were there, and stayed as they were.
    """

    frame: pd.DataFrame
    new: int


class Ledger:
    """A ledger, made where there is none; a context manager that lets go of the database.

    Parameters
    ----------
    where
        A file, or a URL such as "postgresql+psycopg://user@host/shop".
    chunk
        Customers in a transaction.

    Raises
    ------
    InputError
        If the database cannot be reached, or is of a kind that does not do.
    """

    def __init__(self, where: str | Path, chunk: int = CHUNK) -> None:
        if chunk < 1:
            raise InputError(f"ledger: chunk = {chunk}; a transaction takes at least 1 customer")
        self.chunk = chunk
        self.engine = _engine(where)
        _make_tables(self.engine)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def assign(
        self,
        customers: Names,
        campaign: str,
        design: Design,
        policy: str | Names,
        *,
        at: dt.datetime,
        progress: Progress | None = None,
    ) -> Written:
        """Draw those customers of a campaign that are not in the ledger, write them, return all.

        Only what is returned may be acted upon: a customer who was there before, or whom another
        process wrote meanwhile, has the part and the arm of then, whatever `design` and `policy`
        say now. All that is returned is committed.

        Parameters
        ----------
        customers, campaign, design, policy
            As `lifeworth.decide.holdout.draw` takes them.
        at
            When: a time with a zone.
        progress
            Told after each transaction how many customers are done.

        Raises
        ------
        InputError
            If `draw` refuses them, if the campaign began with another salt (which would move the
            holdout), or if the database fails.
        """
        ids, moment = checked_ids(customers, "customers"), _utc(at)
        chosen = policy_arms(policy, len(ids))
        checked_ids([campaign], "campaign")
        with _told(self.engine):
            self._begin(campaign, design.salt)
            order = sorted(range(len(ids)), key=ids.__getitem__)  # appends to the tree of keys
            found: list[pd.DataFrame] = []
            new = 0
            for some in _chunks(order, self.chunk):
                theirs = [ids[i] for i in some]
                frame, count = self._write(theirs, campaign, design, chosen[some], moment)
                found.append(frame)
                new += count
                if progress:
                    progress(sum(map(len, found)))
        return Written(_whole(found).set_index("customer_id").loc[ids].reset_index(), new)

    def expose(self, customers: Names, campaign: str, arms: str | Names, *, at: dt.datetime) -> int:
        """Write that customers of a campaign were given their arm; return how many were new.

        The first time counts: a customer exposed before stays as written. `arms` is what they
        were given in fact, which `exposed` shows beside what they were assigned.

        Raises
        ------
        InputError
            If one is not assigned in the campaign: nobody is then written.
        """
        ids, moment = checked_ids(customers, "exposures"), _utc(at)
        given = policy_arms(arms, len(ids))
        with _told(self.engine):
            known = set(self._found(ids, campaign)["customer_id"])
            strange = [name for name in ids if name not in known]
            if strange:
                raise InputError(
                    f"exposures: {len(strange):,} of {len(ids):,} customers are not assigned in "
                    f"campaign {campaign!r}, first {strange[0]!r}; assign them before"
                )
            rows = [
                {"campaign_id": campaign, "customer_id": i, "arm": arm, "exposed_at": moment}
                for i, arm in sorted(zip(ids, given.tolist(), strict=True))
            ]
            return sum(self._insert(EXPOSURES, some) for some in _chunks(rows, self.chunk))

    def assigned(self, campaign: str) -> pd.DataFrame:
        """Return all customers of a campaign, by id.

        Columns: customer_id, part, arm, propensity, assigned_at (UTC).
        """
        columns = [c for c in ASSIGNMENTS.c if c.name != "campaign_id"]
        where = ASSIGNMENTS.c.campaign_id == campaign
        with _told(self.engine):
            return self._frame(sa.select(*columns).where(where).order_by(columns[0]))

    def exposed(self, campaign: str) -> pd.DataFrame:
        """Return the customers of a campaign who were given something, by id.

        Columns: customer_id, part, arm (as assigned), given (in fact), exposed_at (UTC).
        """
        a, e = ASSIGNMENTS.c, EXPOSURES.c
        both = ASSIGNMENTS.join(
            EXPOSURES, (a.campaign_id == e.campaign_id) & (a.customer_id == e.customer_id)
        )
        columns = (a.customer_id, a.part, a.arm, e.arm.label("given"), e.exposed_at)
        asked = sa.select(*columns).select_from(both).where(a.campaign_id == campaign)
        with _told(self.engine):
            return self._frame(asked.order_by(a.customer_id))

    def treatments(self) -> pd.DataFrame:
        """Return the canonical table of that name: every campaign, arms as assigned.

        Columns: customer_id, campaign_id, arm, assigned_at (UTC), propensity.
        """
        c = ASSIGNMENTS.c
        asked = sa.select(c.customer_id, c.campaign_id, c.arm, c.assigned_at, c.propensity)
        with _told(self.engine):
            return self._frame(asked.order_by(c.campaign_id, c.customer_id))

    def _begin(self, campaign: str, salt: str) -> None:
        self._insert(CAMPAIGNS, [{"campaign_id": campaign, "salt": salt}])
        asked = sa.select(CAMPAIGNS.c.salt).where(CAMPAIGNS.c.campaign_id == campaign)
        with self.engine.connect() as connection:
            first = connection.execute(asked).scalar_one()
        if first != salt:
            raise InputError(
                f"campaign {campaign!r}: salt is {salt!r}, but it began with {first!r}; keep that, "
                "or new customers are held out by other lots than the old ones"
            )

    def _write(
        self, ids: list[str], campaign: str, design: Design, policy: np.ndarray, at: dt.datetime
    ) -> tuple[pd.DataFrame, int]:
        """Write those of one chunk that are missing; return all of it, and how many were new."""
        part, arm, chance = draw(ids, campaign, design, policy)
        columns = (ids, np.array(PARTS, object)[part], arm, chance.tolist())
        rows = [
            {
                "campaign_id": campaign,
                "customer_id": customer,
                "part": name,
                "arm": given,
                "propensity": p,
                "assigned_at": at,
            }
            for customer, name, given, p in zip(*columns, strict=True)
        ]
        new = self._insert(ASSIGNMENTS, rows)
        if new < len(rows):  # some were there before, or just now: what was written counts
            return self._found(ids, campaign), new
        return pd.DataFrame(dict(zip(DRAWN, columns, strict=True))).assign(assigned_at=at), new

    def _found(self, ids: Sequence[str], campaign: str) -> pd.DataFrame:
        columns = [c for c in ASSIGNMENTS.c if c.name != "campaign_id"]
        asked = sa.select(*columns).where(ASSIGNMENTS.c.campaign_id == campaign)
        found = [
            self._frame(asked.where(ASSIGNMENTS.c.customer_id.in_(self._listed(some))))
            for some in _chunks(ids, CHUNK)
        ]
        return _whole(found)

    def _listed(self, ids: Sequence[str]) -> sa.Select[Any]:
        """Return ids as a table, in one parameter: one for each takes ten times as long."""
        text = json.dumps(ids, ensure_ascii=False)
        if self.engine.dialect.name == "sqlite":
            return sa.select(sa.func.json_each(text).table_valued("value").c.value)
        listed = sa.func.json_array_elements_text(sa.cast(sa.literal(text), postgresql.JSON))
        return sa.select(listed.column_valued("value"))

    def _insert(self, table: sa.Table, rows: list[dict[str, Any]]) -> int:
        insert = INSERTS[self.engine.dialect.name](table).on_conflict_do_nothing()
        with self.engine.begin() as connection:
            if self.engine.dialect.name == "sqlite":
                return connection.execute(insert, rows).rowcount
            # psycopg does not count many rows (it says -1), but gives back those it inserted.
            returning = insert.returning(table.c.campaign_id)
            return len(connection.execute(returning, rows).all())

    def _frame(self, asked: sa.Executable) -> pd.DataFrame:
        with self.engine.connect() as connection:
            answer = connection.execute(asked)
            # Tuples: pandas would ask each of SQLAlchemy's rows what it is.
            frame = pd.DataFrame(list(map(tuple, answer)), columns=list(answer.keys()))
        return _typed(frame)


def _engine(where: str | Path) -> sa.Engine:
    is_url = isinstance(where, str) and "://" in where
    shown = str(where).partition("://")[0] if is_url else str(where)  # a URL may hold a password
    try:
        file = None if is_url else str(Path(where).expanduser().resolve())
        url = sa.URL.create("sqlite", database=file) if file else sa.make_url(str(where))
        dialect = url.get_dialect().name
        if dialect not in INSERTS:
            raise InputError(
                f"ledger: {shown} is a database of {dialect}; use {' or '.join(INSERTS)}"
            )
        waits = {"timeout": WAIT_SECONDS} if dialect == "sqlite" else {}
        return sa.create_engine(url, connect_args=waits)
    except (ArgumentError, NoSuchModuleError) as error:
        raise InputError(
            f"ledger: {shown}: {error}; give a file, or a URL such as postgresql+psycopg://host/shop"
        ) from error
    except ModuleNotFoundError as error:
        raise InputError(
            f"ledger: {shown}:// needs the Python package {error.name}; install it"
        ) from error


def _make_tables(engine: sa.Engine) -> None:
    with _told(engine):
        try:
            _create(engine)
        except DBAPIError:
            # Two that start at once: PostgreSQL's IF NOT EXISTS may find the other's half made.
            _create(engine)


def _create(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        for table in META.sorted_tables:
            connection.execute(CreateTable(table, if_not_exists=True))


@contextmanager
def _told(engine: sa.Engine) -> Iterator[None]:
    """Say in one line what the database says, and that trying again does no harm."""
    try:
        yield
    except DBAPIError as error:
        place = engine.url.render_as_string(hide_password=True)
        said = " ".join(str(error.orig).split())
        raise InputError(
            f"ledger {place}: {said}; what was committed is kept: put that right and call again"
        ) from error


def _chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def _whole(found: list[pd.DataFrame]) -> pd.DataFrame:
    empty = pd.DataFrame(columns=[*DRAWN, "assigned_at"])
    return _typed(pd.concat([frame for frame in found if len(frame)] or [empty]))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    kinds = {name: "datetime64[us]" if name.endswith("_at") else "str" for name in frame.columns}
    return frame.astype(kinds | ({"propensity": "float64"} if "propensity" in kinds else {}))


def _utc(at: dt.datetime) -> dt.datetime:
    if at.tzinfo is None:
        raise InputError(f"ledger: at = {at.isoformat()} has no time zone; give one, such as UTC")
    return at.astimezone(dt.UTC).replace(tzinfo=None)
