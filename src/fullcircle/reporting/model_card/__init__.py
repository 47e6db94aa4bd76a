"""The model card: what a model is, how good, for whom, from what, and why it is used or not.

After Mitchell et al., Model Cards for Model Reporting, FAT* 2019. What is unknown is said to be
unknown.
"""

from collections.abc import Mapping
from typing import Any

from fullcircle.core.models.model import Model
from fullcircle.reporting.model_card.describe import describe_model
from fullcircle.reporting.model_card.markdown import as_markdown
from fullcircle.reporting.model_card.page import as_page
from fullcircle.reporting.model_card.parts import Card

__all__ = ["Card", "as_markdown", "as_page", "describe_model", "write_card", "write_card_page"]


def write_card(
    model: Model,
    decision: Mapping[str, Any] | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """Write a model's card as Markdown; arguments as of ``describe_model``."""
    return as_markdown(describe_model(model, decision, facts))


def write_card_page(
    model: Model,
    decision: Mapping[str, Any] | None = None,
    facts: Mapping[str, str] | None = None,
) -> str:
    """Write it as one HTML page without script or network; arguments as of ``describe_model``."""
    return as_page(describe_model(model, decision, facts))
