"""What one may say of a search, where the defaults do not suit."""

from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, ValidationError

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.core.preparation import PreparationSettings
from fullcircle.core.training.candidates import CANDIDATES
from fullcircle.core.training.settings import SearchSettings, TrainingSettings


class Options(Settings):
    """How to search, where the defaults do not suit.

    Attributes:
        seconds: Seconds of search; None for no limit.
        trials: Trials of search beyond the untuned families; None for as many as the seconds allow.
            A search limited by trials alone gives the same result each time.
        metric: Metric that selects; by default roc_auc, multiclass_log_loss or rmse.
        time: Column with each row's moment: later rows then judge what earlier ones trained.
        key: Column that says what a row is about: no key is then on two sides of a split.
        no_key: Whether each row is about something of its own. Otherwise, without a key and a time,
            a column of texts that repeats and fixes the target is taken for the key.
        exclude: Columns that are not to be used.
        candidates: Families to try; all by default.
        blend: Number of families whose best are averaged as one more candidate; 0 for none.
        tie_standard_errors: Within so many of the best, a simpler model wins.
        preparation: How columns are recognised, kept out and prepared.
        seed: Seed of every random choice.
        track: Whether the search becomes an MLflow run.
        folder: Where the winner's notebook and its rows go, and finished trials meanwhile: a
            search that was killed goes on when the same is asked again. None for nowhere.
        note: What the search is to find out, for the MLflow run.
        raw_schema: How raw values of the columns are read, as a ``RawSchema`` writes it: the model
            carries it. None where they need no reading.
    """

    seconds: PositiveFloat | None = 60.0
    trials: int | None = Field(default=None, ge=0)
    metric: str | None = None
    time: str | None = None
    key: str | None = None
    no_key: bool = False
    exclude: list[str] = Field(default_factory=list)
    candidates: list[str] = Field(default=list(CANDIDATES))
    blend: int = Field(default=3, ge=0)
    tie_standard_errors: float = Field(default=0.5, ge=0)
    preparation: PreparationSettings = PreparationSettings()
    seed: int = 42
    track: bool = True
    folder: Path | None = Path("automl")
    note: str = ""
    raw_schema: dict[str, Any] | None = None

    def settle(self) -> TrainingSettings:
        """Give what a project would declare of training."""
        return TrainingSettings(
            seed=self.seed,
            candidates=self.candidates,
            preparation=self.preparation,
            search=SearchSettings(trials=self.trials, seconds=self.seconds),
            blend=self.blend,
            tie_standard_errors=self.tie_standard_errors,
            bootstrap_resamples=500,
            confidence=0.95,
        )


def read_options(given: dict[str, Any]) -> Options:
    """Read options by name.

    Raises:
        ConfigurationError: In one line, each option that does not exist or is not valid.
    """
    if unknown := name_missing(list(given), Options.model_fields):
        raise ConfigurationError(f"There is no option {unknown}.")
    try:
        options = Options(**given)
        options.settle()
    except ValidationError as error:
        said = [
            ": ".join([*map(str, each["loc"]), each["msg"].removeprefix("Value error, ")])
            for each in error.errors()
        ]
        raise ConfigurationError(f"An option is not valid. {'; '.join(said)}.") from error
    return options
