"""Distinct rows: by table and by hashing alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lifeworth.models.btyd import statistics
from lifeworth.models.btyd.statistics import chunks, distinct

VALUES = {
    "whole": st.integers(0, 5).map(float),
    "fractions": st.sampled_from([0.0, 0.25, 1.0, 2.5]),
    "negative": st.sampled_from([-1.0, 0.0, 3.0]),
    "huge": st.sampled_from([0.0, 1.0, 2.0**40]),
}


@pytest.mark.parametrize("kind", VALUES)
@given(data=st.data())
def test_every_row_is_found_again_in_its_distinct_one(kind, data):
    column = arrays(np.float64, data.draw(st.shared(st.integers(0, 40))), elements=VALUES[kind])
    columns = [data.draw(column) for _ in range(data.draw(st.integers(1, 3)))]
    found = distinct(*columns)
    rows = np.stack(columns, axis=1)
    unique, times = np.unique(rows, axis=0, return_counts=True)
    assert (rows[found.first][found.which] == rows).all()
    counted = dict(zip(map(tuple, rows[found.first]), found.times, strict=True))
    assert counted == dict(zip(map(tuple, unique), times, strict=True))
    for number, first in enumerate(found.first):
        assert first == np.flatnonzero(found.which == number)[0]


def test_many_combinations_are_hashed(monkeypatch):
    rng = np.random.default_rng(4)
    columns = [rng.integers(0, 50, 3_000).astype(float) for _ in range(3)]
    by_table = distinct(*columns)
    monkeypatch.setattr(statistics, "TABLE", 1_000)
    by_hash = distinct(*columns)
    same = np.argsort(by_table.first), np.argsort(by_hash.first)
    assert (by_table.first[same[0]] == by_hash.first[same[1]]).all()
    assert (by_table.times[same[0]] == by_hash.times[same[1]]).all()


@pytest.mark.parametrize("rows", [0, 1, 16_384, 16_385, 50_000])
def test_chunks_cover_every_row_once(rows):
    covered = np.concatenate([np.arange(rows)[part] for part in chunks(rows)] or [np.arange(0)])
    assert (covered == np.arange(rows)).all()
