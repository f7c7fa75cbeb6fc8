"""What persona models say: which persona each customer belongs to."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float


@dataclass(frozen=True, kw_only=True, eq=False)
class Membership:
    """Which persona each customer belongs to.

    Attributes
    ----------
    frame
        One row per customer, sorted by customer_id, no value missing: customer_id (str), as_of
        (date), persona (int; -1 for none), persona_name, probability (of the nearest persona),
        nearest_persona (int), nearest_name, distance (to it, in scaled features), high_value
        (whether a customer without a persona is a high-value outlier, not one of the rest).
    personas
        One row per persona: persona (int), persona_name; sorted as the columns of `probabilities`.
    probabilities
        Of each customer and persona; rows sum to 1.
    """

    frame: pd.DataFrame
    personas: pd.DataFrame
    probabilities: Float[np.ndarray, "customers personas"]


MEMBERSHIP = (
    *("customer_id", "as_of", "persona", "persona_name", "probability"),
    *("nearest_persona", "nearest_name", "distance", "high_value"),
)
"""The columns of a Membership, in order."""

NO_PERSONA = -1
"""The persona of those who have none."""


def membership(
    frame: pd.DataFrame,
    personas: pd.DataFrame,
    probabilities: Float[np.ndarray, "customers personas"],
) -> Membership:
    """Assemble a Membership after checking it.

    Raises
    ------
    ValueError
        If a column is missing or a value is, customers are not sorted or there twice, a persona is
        not known or bears a second one's name, or probabilities do not sum to 1: faults of the
        model.
    """
    faults = {
        "columns are not those of MEMBERSHIP": tuple(frame.columns) != MEMBERSHIP,
        "a value is missing": bool(frame.isna().any(axis=None)),
        "customers are not sorted": not frame["customer_id"].is_monotonic_increasing,
        "a customer is there twice": not frame["customer_id"].is_unique,
        "a persona is not known": not set(frame["persona"]) <= {NO_PERSONA, *personas["persona"]},
        "two personas have one name": not personas["persona_name"].is_unique,
        "probabilities do not sum to 1": not np.allclose(probabilities.sum(axis=1), 1.0),
    }
    found = [fault for fault, there in faults.items() if there]
    if found:
        raise ValueError(f"membership: {'; '.join(found)}")
    return Membership(frame=frame, personas=personas, probabilities=probabilities)
