"""What maintenance keeps, as conf/base/maintenance.yml declares it."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationError

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError

Days = Annotated[float, Field(ge=0)]


class MaintenanceSettings(Settings):
    """For how long each kind of thing is kept; null keeps it for ever.

    Attributes:
        version_days: Files of table versions that are no longer the newest.
        row_days: Rows of tables that are partitioned by day, by catalog entry.
        trial_days: Runs of single trials.
        artifact_days: Files of runs, by a pattern of their paths; never those of a version with an
            alias.
        run_days: Other runs; never those that registered a model.
        deleted_days: Runs that were deleted, with their files.
        raw_days: Files of simulations with other settings.
        leftover_days: What killed runs left unfinished, and journals of searches.
        job_days: Lines about scheduled jobs that ran.
    """

    version_days: Days = 7
    row_days: dict[str, Days | None] = Field(default_factory=dict)
    trial_days: Days | None = 30
    run_days: Days | None = 365
    deleted_days: Days | None = 7
    artifact_days: dict[str, Days | None] = Field(default_factory=dict)
    raw_days: Days | None = 30
    leftover_days: Days | None = 2
    job_days: Days | None = 365


def parse_settings(declared: Mapping[str, Any]) -> MaintenanceSettings:
    """Read the declaration.

    Raises:
        ConfigurationError: It names something unknown, or a number of days that is none.
    """
    try:
        return MaintenanceSettings.model_validate(dict(declared))
    except ValidationError as error:
        said = "; ".join(
            f"{'.'.join(map(str, found['loc']))}={found['input']!r}: {found['msg']}"
            for found in error.errors()
        )
        raise ConfigurationError(f"maintenance.yml cannot be used: {said}.") from error
