"""Kedro's loader of configuration, which also refuses what nothing would read."""

import glob
import os
from pathlib import Path
from typing import Any

from kedro.config import MissingConfigException, OmegaConfigLoader
from omegaconf import DictConfig, OmegaConf

from fullcircle.configuration.catalogs import check_catalog
from fullcircle.configuration.names import check_credentials, check_globals, check_mlflow
from fullcircle.configuration.parameters import check_parameters
from fullcircle.configuration.places import ConfigFiles
from fullcircle.configuration.reading import explain_unreadable
from fullcircle.core.errors import ConfigurationError

_SUFFIXES = {".yml", ".yaml", ".json"}
_CHECKS = {
    "catalog": check_catalog,
    "credentials": check_credentials,
    "globals": check_globals,
    "mlflow": check_mlflow,
    "parameters": check_parameters,
}


def open_configuration(root: Path, env: str | None = None) -> "CheckedConfigLoader":
    """Return the loader of a project's configuration, without opening a session.

    Args:
        root: The folder that holds ``conf``.
        env: The environment; None for the one that ``KEDRO_ENV`` names, or development.
    """
    from kedro.framework.project import settings

    given = settings.CONFIG_LOADER_ARGS
    folder = root / settings.CONF_SOURCE
    return CheckedConfigLoader(str(folder), env or os.environ.get("KEDRO_ENV"), **given)


class CheckedConfigLoader(OmegaConfigLoader):
    """Reads configuration as Kedro does, with four differences.

    Of ``problems``, only the folder of the chosen problem is read, so that a broken file of one
    problem stops no command of another. A file that cannot be read is one line with file, line and
    key. A key that nothing would read is refused, with the nearest one that is known. And what an
    environment changes counts wherever it is referred to: Kedro would resolve ``conf/base`` before
    it knows of the environment.
    """

    def __getitem__(self, key: str) -> Any:
        """Return a kind of configuration: parameters, catalog, globals and so on.

        Raises:
            ConfigurationError: A file cannot be read, or a key is not known.
        """
        if key in self or key not in self.config_patterns:
            return super().__getitem__(key)
        try:
            read = super().__getitem__(key)
        except MissingConfigException:
            raise
        except Exception as error:  # what YAML, OmegaConf and Kedro raise shares no family
            raise ConfigurationError(explain_unreadable(error, self.list_files(key))) from error
        if key in _CHECKS:
            _CHECKS[key](read, self)
        return read

    def list_files(self, key: str) -> ConfigFiles:
        """Return the files of a kind, those of the environment last; none where they are remote."""
        folder = Path(self.conf_source)
        environments = dict.fromkeys([self.base_env, self.env or self.default_run_env])
        patterns = [
            str(folder / environment / pattern)
            for environment in environments
            for pattern in self.config_patterns[key]
        ]
        found = [
            Path(path) for each in patterns for path in sorted(glob.glob(each, recursive=True))
        ]
        chosen = [path for path in found if self._is_read(path)]
        known = dict.fromkeys(path.resolve() for path in chosen if path.suffix in _SUFFIXES)
        return ConfigFiles(folder.resolve().parent, tuple(path for path in known if path.is_file()))

    def list_all_files(self) -> ConfigFiles:
        """Return every file of every environment."""
        folder = Path(self.conf_source).resolve()
        found = sorted(path for path in folder.rglob("*") if path.suffix in _SUFFIXES)
        return ConfigFiles(folder.parent, tuple(path for path in found if path.is_file()))

    def _is_valid_config_path(self, path: Path) -> bool:
        """Whether Kedro shall read a file."""
        return super()._is_valid_config_path(path) and self._is_read(path)

    def _is_read(self, path: Path) -> bool:
        """Tell whether a file is no problem's, or that of the chosen one."""
        known = vars(self).get("_globals")  # not there yet while globals themselves are read
        folder, name = ("", "", *path.parts)[-3:-1]
        return not known or folder != "problems" or name in ("problems", known.get("problem"))

    def _resolve_from_raw_config(
        self,
        key: str,
        base_configs: dict[Path, DictConfig],
        env_configs: dict[Path, DictConfig],
        *others: Any,
    ) -> dict[str, Any]:
        """Merge base and environment before references are resolved, so that they see both."""
        if base_configs and env_configs:
            merged = self._merge_unresolved(key, base_configs, env_configs)
            base_configs, env_configs = {Path(key): merged}, {}
        return super()._resolve_from_raw_config(key, base_configs, env_configs, *others)

    def _merge_unresolved(
        self, key: str, base_configs: dict[Path, DictConfig], env_configs: dict[Path, DictConfig]
    ) -> DictConfig:
        base = OmegaConf.unsafe_merge(*base_configs.values())
        over = OmegaConf.unsafe_merge(*env_configs.values())
        if self.merge_strategy.get(key) != "soft":
            for name in set(over) & set(base):
                del base[name]
        return OmegaConf.unsafe_merge(base, over)  # type: ignore[return-value]  # two mappings
