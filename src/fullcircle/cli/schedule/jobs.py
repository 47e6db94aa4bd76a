"""What a scheduled job is."""

import re
import shlex
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

TODAY = "<today>"
"""Stands for the day of the run until a scheduler's own words for it are known."""


def _say(value: Any) -> str:
    """Write a value as ``--params`` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _split(words: Any) -> Any:
    return shlex.split(words) if isinstance(words, str) else words


# Letters that mean nothing to a shell, to cron, systemd, YAML or a template, and that do not part
# one parameter from the next.
_Plain = Annotated[str, Field(pattern=r"^[\w.:/@+-]+$"), BeforeValidator(_say)]


class Job(BaseModel):
    """A job that runs by the clock.

    Attributes:
        name: Letters, digits and underscores; its files and tasks bear it.
        cron: When it runs, in UTC.
        pipelines: What it runs, in this order; or else
        command: one of the project's commands, without ``kedro``.
        env: The environment; None leaves it to the scheduler's own variables, as in the next three.
        problem: The problem.
        source: The data source.
        engine: The engine.
        clock: ``today``, a day as 2025-04-01, or None for the problem's own ``as_of``.
        params: Further parameters, under dotted names.
        retries: How often a failed run is tried again.
        retry_minutes: Before the first retry; each later wait is twice as long.
        deadline_minutes: So long after its moment the job must have succeeded, else it is late.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    cron: str
    pipelines: tuple[str, ...] = ()
    command: Annotated[tuple[_Plain, ...], BeforeValidator(_split)] = ()
    env: str | None = None
    problem: str | None = None
    source: str | None = None
    engine: str | None = None
    clock: str | None = None
    params: dict[_Plain, _Plain] = Field(default_factory=dict)
    retries: int = Field(default=2, ge=0, le=10)
    retry_minutes: float = Field(default=5, ge=0, le=24 * 60)
    deadline_minutes: float = Field(default=120, gt=0)

    @field_validator("clock", mode="before")
    @classmethod
    def _read_clock(cls, clock: Any) -> str | None:
        """Accept a day with or without quotes, which YAML reads as a date or as text."""
        if clock is None or clock == "today":
            return clock  # type: ignore[no-any-return]  # narrowed by the comparison
        try:
            return date.fromisoformat(str(clock)).isoformat()
        except ValueError as error:
            raise ValueError(f"{clock!r} is neither today nor a day as 2025-04-01") from error

    @model_validator(mode="after")
    def _require_one_work(self) -> "Job":
        if bool(self.pipelines) == bool(self.command):
            raise ValueError("give either pipelines or a command")
        if self.command and (self.clock or self.params):
            raise ValueError("clock and params belong to pipelines; a command has its own options")
        if "as_of" in self.params:
            raise ValueError("give as_of as the job's clock")
        return self

    @property
    def deadline(self) -> timedelta:
        """The time within which it must have succeeded after its moment."""
        return timedelta(minutes=self.deadline_minutes)

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that choose what runs."""
        given = {
            "KEDRO_ENV": self.env,
            "PROBLEM": self.problem,
            "DATA_SOURCE": self.source,
            "ENGINE": self.engine,
        }
        return {name: value for name, value in given.items() if value is not None}

    def settings(self) -> list[str]:
        """Give the variables as a shell sets them."""
        return [f"{name}={value}" for name, value in self.variables.items()]

    def arguments(self, pipelines: Sequence[str]) -> list[str]:
        """Give the words after ``kedro`` that run the command, or some of the pipelines."""
        if self.command:
            return list(self.command)
        as_of = {None: {}, "today": {"as_of": TODAY}}.get(self.clock, {"as_of": self.clock})
        params = {**self.params, **as_of}
        given = ",".join(f"{name}={value}" for name, value in params.items())
        return ["run", "--pipelines", ",".join(pipelines), *(["--params", given] if given else [])]

    def steps(self) -> list[tuple[str, list[str]]]:
        """Name what runs one after the other, for schedulers that show it: a pipeline a step."""
        if self.command:
            return [("_".join(re.sub(r"\W", "_", w) for w in self.command), self.arguments(()))]
        return [(pipeline, self.arguments([pipeline])) for pipeline in self.pipelines]
