"""What a project declares of training."""

from importlib.util import find_spec
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.core.preparation import PreparationSettings
from fullcircle.core.training.candidates import CANDIDATES


class SearchSettings(Settings):
    """What the search may spend and how it spends it.

    Attributes:
        trials: Trials beyond the untuned families; None for as many as the seconds allow.
        seconds: Seconds of search, kills and resumptions included; None for no limit. A search
            that is limited by seconds finds what the machine allows, not the same on each.
        folds: Folds of the cross-validation.
        max_rows: The search sees so many train rows at most; the chosen model is fitted on all.
        prune: Whether a trial ends early when its first folds are worse than the median's.
        workers: Trials that run at once; None for one per physical core.
    """

    trials: int | None = Field(default=None, ge=0)
    seconds: float | None = Field(default=None, gt=0)
    folds: int = Field(default=5, ge=2)
    max_rows: int = Field(default=20_000, ge=100)
    prune: bool = True
    workers: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _limit_something(self) -> Self:
        if self.trials is None and self.seconds is None:
            raise ValueError("give 'trials', 'seconds' or both, or the search never ends")
        return self


class TrainingSettings(Settings):
    """How candidates are prepared, searched, compared and made a model.

    Attributes:
        seed: Seed of every random choice.
        candidates: Names in CANDIDATES; those that do not fit the task are left out.
        preparation: What the preparation of columns may do by itself.
        search: Budget and ways of the search.
        select_features: Whether the leader also competes without the columns that it does not need.
        blend: Number of families whose best are averaged as one more candidate; 0 for none.
        tie_standard_errors: A simpler candidate wins if the best is ahead of it by no more than so
            many standard errors of the paired difference (after the one-standard-error rule of
            Breiman et al., Classification and Regression Trees, 1984; a whole one cost 0.004 of
            AUC on IBM's customers).
        calibration: Method by which probabilities are corrected; ``auto`` lets the data decide.
        explain: Whether the winner is also explained by SHAP values (extra ``explain``).
        refit: Whether the chosen model is fitted again on train and selection rows together.
        distributed: Whether the chosen trees are grown again on all train rows by Spark, where
            training has but a sample of them (``ENGINE=spark``, winner ``xgboost``). Takes the
            place of ``refit``.
        distributed_workers: Spark tasks among which the rows lie then; all must run at once.
        bootstrap_resamples: Resamples behind each interval.
        confidence: Coverage of each interval, 0 to 1.
        interval_coverage: Share of rows whose true value the interval around a predicted value
            shall hold, 0 to 1 (regression only).
    """

    seed: int
    candidates: list[str] = Field(min_length=1)
    preparation: PreparationSettings = PreparationSettings()
    search: SearchSettings
    select_features: bool = True
    blend: int = Field(default=0, ge=0)
    tie_standard_errors: float = Field(default=0.5, ge=0)
    calibration: Literal["auto", "none", "sigmoid", "isotonic", "temperature"] = "auto"
    explain: bool = False
    refit: bool = True
    distributed: bool = False
    distributed_workers: int = Field(default=2, ge=1)
    bootstrap_resamples: int = Field(ge=100)
    confidence: float = Field(gt=0, lt=1)
    interval_coverage: float = Field(default=0.9, gt=0, lt=1)

    @field_validator("candidates")
    @classmethod
    def _be_known(cls, names: list[str]) -> list[str]:
        if missing := name_missing(names, CANDIDATES):
            raise ValueError(f"unknown candidate {missing}; known: {', '.join(CANDIDATES)}")
        return names

    @field_validator("explain")
    @classmethod
    def _be_installed(cls, wanted: bool) -> bool:
        if wanted and find_spec("shap") is None:
            raise ValueError("SHAP values need a package more: pip install 'fullcircle[explain]'")
        return wanted

    def families(self, task: str, *, ordered: bool) -> list[str]:
        """Give the candidates that fit the task and are installed, the simplest first.

        Raises:
            ConfigurationError: None of them does; it says why, and which would.
        """
        misfits = {
            name: family.describe_misfit(task, ordered=ordered)
            for name, family in CANDIDATES.items()
        }
        chosen = [name for name in misfits if name in self.candidates and misfits[name] is None]
        if not chosen:
            reasons = ", ".join(f"{name} {misfits[name]}" for name in self.candidates)
            able = ", ".join(name for name, misfit in misfits.items() if misfit is None)
            raise ConfigurationError(f"No candidate fits: {reasons}. These do: {able}.")
        return chosen
