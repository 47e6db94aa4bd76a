"""Refusing keys of globals.yml, mlflow.yml and credentials.yml that nothing reads."""

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from fullcircle.configuration.models import find_flaws
from fullcircle.configuration.places import ConfigFiles
from fullcircle.core.errors import ConfigurationError, name_missing

if TYPE_CHECKING:
    from fullcircle.configuration.loader import CheckedConfigLoader

# What the library and the files that ship ask for; a project's own are found by their references.
_GLOBALS = {
    *("problem", "data_source", "engine", "raw_dir", "data_dir", "catalog_name", "spark"),
    *("run_wait_minutes", "resource_seconds"),
    *("online_store", "tracking_uri", "artifacts", "alert_channels"),
    "trusted_types",
}
_GLOBAL = re.compile(r"globals:\s*([\w-]+)")
_CREDENTIAL = re.compile(r"credentials:\s*[\"']?([\w-]+)")
_CHANNELS = "alert_channels"
_MLFLOW = "MLFLOW_"
_SAME = 0.8


def check_globals(read: Mapping[str, Any], loader: "CheckedConfigLoader") -> None:
    """Refuse a global that no file refers to, and that is a slip of another one.

    What ``conf/base`` declares may be read by code alone, so there only a name that is nearly
    another is a slip. An environment can only change what is declared or referred to.

    Raises:
        ConfigurationError: Names it, the nearest that is known, and where it stands.
    """
    files = loader.list_files("globals")
    known = sorted(_GLOBALS | _find_all(_GLOBAL, loader.list_all_files()))
    base = ConfigFiles(files.root, files.paths[:1])
    flaws = [
        ((name,), f"no file refers to {unknown}; these are known: {', '.join(known)}")
        for name in map(str, read)
        if (unknown := name_missing([name], known))
        and (not base.declares((name,)) or get_close_matches(name, known, n=1, cutoff=_SAME))
    ]
    _refuse("A global", flaws, files)


def check_mlflow(read: Mapping[str, Any], loader: "CheckedConfigLoader") -> None:
    """Refuse what kedro-mlflow does not know.

    Raises:
        ConfigurationError: Names the key, the nearest that is known, and where it stands.
    """
    from kedro_mlflow.config.kedro_mlflow_config import KedroMlflowConfig

    flaws = [(flaw.key, flaw.said) for flaw in find_flaws(KedroMlflowConfig, dict(read), ())]
    _refuse("A setting of MLflow", flaws, loader.list_files("mlflow"))


def check_credentials(read: Mapping[str, Any], loader: "CheckedConfigLoader") -> None:
    """Refuse a key that is nearly one that is referred to, and variables that MLflow lacks.

    Keys that are like none stay: code may ask for them. No value is ever shown.

    Raises:
        ConfigurationError: Names the key, the nearest that is known, and where it stands.
    """
    named = sorted(_find_all(_CREDENTIAL, loader.list_all_files()))
    channels = loader["globals"].get(_CHANNELS)
    named += [str(channels)] if channels else []
    flaws: list[tuple[tuple[str, ...], str]] = []
    for name, content in read.items():
        near = get_close_matches(str(name), named, n=1, cutoff=_SAME)
        if str(name) not in named and near and near[0] not in read:
            said = f"nothing refers to {str(name)!r} (nearest: {near[0]!r})"
            flaws.append(((str(name),), said))
        if not isinstance(content, Mapping | str):
            flaws.append(((str(name),), "write keys and values below it"))
        elif isinstance(content, Mapping):
            flaws += [((str(name), key), said) for key, said in _check_variables(content)]
    _refuse("A credential", flaws, loader.list_files("credentials"))


def _check_variables(content: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """Return the variables that bear MLflow's name and that MLflow does not know."""
    written = [str(name) for name in content if str(name).upper().startswith(_MLFLOW)]
    if not written:
        return []
    from mlflow import environment_variables

    known = [name for name in vars(environment_variables) if name.startswith(_MLFLOW)]
    return [
        (name, f"MLflow has no variable {unknown}")
        for name in written
        if (unknown := name_missing([name], known))
    ]


def _find_all(pattern: re.Pattern[str], files: ConfigFiles) -> set[str]:
    texts = (path.read_text("utf-8", errors="replace") for path in files.paths)
    return {name for text in texts for name in pattern.findall(text)}


def _refuse(what: str, flaws: Iterable[tuple[tuple[str, ...], str]], files: ConfigFiles) -> None:
    """Raise an error that names each flaw and its place; do nothing where there is none."""
    said = []
    for key, flaw in flaws:
        where = files.find(key)
        said.append(f"{'.'.join(key)}: {flaw}" + (f" ({where})" if where else ""))
    if said:
        raise ConfigurationError(f"{what} is not valid. {'; '.join(said)}.")
