"""Training that chooses, as a function: any pandas frame, no configuration.

Example:
    ```python
    from fullcircle import automl

    result = automl.classify(customers, "churned", seconds=60)
    result.leaderboard
    result.predict(new_customers)
    ```
"""

from fullcircle.automl.options import Options
from fullcircle.automl.result import AutoMLResult
from fullcircle.automl.training import classify, regress

__all__ = ["AutoMLResult", "Options", "classify", "regress"]
