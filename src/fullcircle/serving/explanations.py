"""What moved each prediction, for requests that ask."""

from typing import Any

import pandas as pd

from fullcircle.core.evaluation.attributions import attribute_rows
from fullcircle.core.models.prediction import as_inputs
from fullcircle.serving.scoring import Part


def explain_part(part: Part) -> list[dict[str, Any]]:
    """Attribute the predictions of a part to its columns.

    Returns:
        Per row ``output`` (what the contributions add up to) and ``contributions`` by column, the
        largest first.

    Raises:
        ConfigurationError: The extra ``explain`` is not installed.
    """
    model = part.loaded.model
    frame = pd.DataFrame({name: part.inputs[name] for name in model.features})
    background = as_inputs(model.example, model.features)
    return attribute_rows(model.estimator, as_inputs(frame, model.features), background)
