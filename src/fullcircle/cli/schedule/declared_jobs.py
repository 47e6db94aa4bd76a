"""Reading the jobs that ``schedules.yml`` declares, and checking that each can run."""

import os
import pkgutil
from collections.abc import Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from fullcircle.cli.project import switched
from fullcircle.cli.schedule.jobs import Job
from fullcircle.core.errors import ConfigurationError, name_missing
from fullcircle.error_messages import explain_error


def find_project() -> Path:
    """Find the project around the working directory; without one, as Kedro does, stay in it."""
    from kedro.utils import find_kedro_project

    return find_kedro_project(Path.cwd()) or Path.cwd()


def read_jobs(
    project: Path, names: Iterable[str] = (), clock: str | None = None
) -> tuple[Job, ...]:
    """Read the declared jobs, or those named, and see that each can run.

    Args:
        project: The folder that holds ``conf``.
        names: The jobs wanted; all where none is named.
        clock: A day as ``as_of`` for all of them that run pipelines, instead of their own.

    Raises:
        ConfigurationError: A job is not valid, or none of that name is declared.
    """
    from kedro.framework.project import settings

    conf = project / settings.CONF_SOURCE
    declared = _read_declared(conf)
    names = list(dict.fromkeys(names)) or list(declared)
    if unknown := name_missing(names, declared):
        raise ConfigurationError(f"There is no job {unknown}; there are: {', '.join(declared)}.")
    jobs = tuple(_make_job(name, declared[name], clock) for name in names)
    for job in jobs:
        _check(job, conf)
    return jobs


def _read_declared(conf: Path) -> dict[str, Any]:
    """Read ``schedules.yml`` of conf/base, and of conf/local over it, without opening a session."""
    from kedro.config import MissingConfigException

    try:
        declared = _open_conf(conf, None)["schedules"]
    except MissingConfigException as error:
        raise ConfigurationError(
            f"No schedules.yml lies in {conf / 'base'}: declare the jobs there, or go to the "
            "folder that holds conf."
        ) from error
    if not declared:
        raise ConfigurationError("schedules.yml declares no job.")
    return dict(declared)


def _open_conf(conf: Path, env: str | None, params: Mapping[str, Any] | None = None) -> Any:
    """Open the configuration of an environment as Kedro does, with the schedules in it."""
    from kedro.framework.project import settings

    from fullcircle.configuration import CheckedConfigLoader

    given = settings.CONFIG_LOADER_ARGS
    patterns = {**given.get("config_patterns", {}), "schedules": ["schedules*", "schedules*/**"]}
    changed = {**given, "config_patterns": patterns}
    return CheckedConfigLoader(str(conf), env, dict(params or {}), **changed)


def _make_job(name: str, declared: Any, clock: str | None) -> Job:
    if not isinstance(declared, Mapping):
        raise ConfigurationError(f"Job {name!r}: give cron, and pipelines or a command, below it.")
    over = {"clock": clock} if clock is not None and declared.get("pipelines") else {}
    try:
        return Job(**{**declared, **over, "name": name})
    except ValidationError as error:
        said = "; ".join(_describe(found) for found in error.errors())
        raise ConfigurationError(f"Job {name!r}: {said}.") from error


def _describe(found: Any) -> str:
    """Say what is wrong with one field, in its own name."""
    place = ".".join(str(part) for part in found["loc"] if part != "[key]")
    if found["type"] == "extra_forbidden":
        return f"no field is called {name_missing([place], Job.model_fields)}"
    if found["type"] == "string_pattern_mismatch":
        allowed = (
            "letters, digits and _" if place == "name" else "letters, digits and . : / @ + - _"
        )
        return f"{place}={found['input']!r} may hold only {allowed}"
    said = found["msg"].removeprefix("Value error, ")
    return f"{place}: {said}" if place else said


def read_settings(job: Job | None, project: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the globals and the credentials with which a job runs, without opening a session.

    Without a job, those that the variables of this process choose.
    """
    from kedro.config import MissingConfigException
    from kedro.framework.project import settings

    chosen = {} if job is None else job.variables
    env = chosen.pop("KEDRO_ENV", None) or os.environ.get("KEDRO_ENV")
    with switched(**chosen):
        loader = _open_conf(project / settings.CONF_SOURCE, env)
        try:
            return dict(loader["globals"]), dict(loader["credentials"])
        except MissingConfigException:
            return dict(loader["globals"]), {}


def _check(job: Job, conf: Path) -> None:
    """See that a job's moment is one, and that what it names is there."""
    from fullcircle.cli.schedule.cron import read_cron

    try:
        read_cron(job.cron)
        _check_pipelines(job)
        _check_command(job)
        with switched(PROBLEM=job.problem, DATA_SOURCE=job.source, ENGINE=job.engine):
            _ = _open_conf(conf, job.env)["globals"]  # which knows the right values of each
            _check_parameters(job, conf)
    except Exception as error:  # OmegaConf wraps what the switches raise
        raise ConfigurationError(f"Job {job.name!r}: {explain_error(error)}") from error


def _check_parameters(job: Job, conf: Path) -> None:
    """See that the parameters of a job are ones that its run takes."""
    if job.params:
        from omegaconf import OmegaConf

        given = OmegaConf.from_dotlist([f"{name}={value}" for name, value in job.params.items()])
        params: Any = OmegaConf.to_container(given)
        _ = _open_conf(conf, job.env, params)["parameters"]


def _check_pipelines(job: Job) -> None:
    from fullcircle import pipelines

    known = sorted(found.name for found in pkgutil.iter_modules(pipelines.__path__))
    if unknown := name_missing(job.pipelines, known):
        raise ConfigurationError(f"there is no pipeline {unknown}; there are: {', '.join(known)}.")


def _check_command(job: Job) -> None:
    """Follow a command's words through the project's commands: each group has its own module."""
    from fullcircle import cli

    known: Mapping[str, click.Command] = {
        name: command
        for name in (found.name for found in pkgutil.iter_modules(cli.__path__))
        if isinstance(command := _find_command(f"{cli.__name__}.{name}", name), click.Command)
    }
    for word in job.command:
        if unknown := name_missing([word], known):
            raise ConfigurationError(
                f"there is no command {unknown}; there are: {', '.join(known)}."
            )
        command = known[word]
        if not isinstance(command, click.Group):
            return
        known = command.commands


def _find_command(module: str, name: str) -> Any:
    return getattr(import_module(module), name, None)
