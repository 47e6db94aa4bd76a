"""Tests of the family of exceptions and of naming what is missing."""

import re

import pytest

from fullcircle.core import errors
from fullcircle.core.errors import FullCircleError, GateRefusedError, ModelError, name_missing


def test_every_error_belongs_to_the_family() -> None:
    """One except clause catches every error that the project raises on purpose."""
    family = [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, Exception)]
    assert len(family) == 6
    assert all(issubclass(error, FullCircleError) for error in family)
    assert issubclass(GateRefusedError, ModelError)


def test_the_printed_tree_names_every_error() -> None:
    """The tree in the module's docstring lists exactly the exceptions that exist."""
    defined = {name for name in vars(errors) if name.endswith("Error")}
    assert set(re.findall(r"\w+Error", errors.__doc__ or "")) == defined


@pytest.mark.parametrize(
    ("wanted", "present", "said"),
    [
        (["a"], ["a", "b"], None),
        ([], ["a"], None),
        (["TotalCharges"], ["Total_Charges"], "'TotalCharges' (nearest: 'Total_Charges')"),
        (["TENURE"], ["tenure"], "'TENURE' (nearest: 'tenure')"),
        (["price"], ["xyz"], "'price'"),
        (["price"], [], "'price'"),
        (["b", "a", "c"], ["b"], "'a', 'c'"),
    ],
    ids=["present", "nothing wanted", "near", "case", "far", "nothing there", "several"],
)
def test_missing_names_come_with_their_nearest(
    wanted: list[str], present: list[str], said: str | None
) -> None:
    """Each missing name is told in the order asked for, with the nearest name that exists."""
    assert name_missing(iter(wanted), iter(present)) == said
