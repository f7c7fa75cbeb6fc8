"""What is refused of frames that somebody gives, and what is said then."""

import numpy as np
import pandas as pd
import pytest

from lifeworth.tables.errors import InputError
from lifeworth.tables.frames import refuse_columns, refuse_missing, refuse_twice

FRAME = pd.DataFrame({
    "visit_id": ["a", "a", "b"],
    "product_id": ["p", "p", "p"],
    "price": [1.0, np.nan, np.nan],
    "stock": [1.0, 2.0, np.nan],
})  # fmt: skip


def test_a_missing_column_is_told_with_the_one_that_is_meant() -> None:
    refuse_columns("offers", FRAME, ["price", "stock"])
    with pytest.raises(InputError, match=r"offers: .*'prices'.*price.*; it has visit_id, product"):
        refuse_columns("offers", FRAME, ["stock", "prices"])


def test_missing_values_are_counted_by_row_and_the_first_is_named() -> None:
    refuse_missing("offers", FRAME, ["visit_id", "product_id"])
    told = r"^offers: 2 of 3 rows lack a value, first row 1 in 'price'; leave them out"
    with pytest.raises(InputError, match=told):
        refuse_missing("offers", FRAME, ["stock", "price"])
    told = r"first visit_id b, product_id p in 'stock'; count again$"
    with pytest.raises(InputError, match=told):
        refuse_missing("offers", FRAME, ["stock"], ["visit_id", "product_id"], "count again")


def test_a_row_that_is_there_twice_is_named() -> None:
    refuse_twice("offers", FRAME.iloc[1:], ["visit_id", "product_id"])
    told = r"^offers: 1 of 3 rows repeat another, first visit_id a, product_id p; leave the second"
    with pytest.raises(InputError, match=told):
        refuse_twice("offers", FRAME, ["visit_id", "product_id"])
