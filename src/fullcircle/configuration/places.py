"""Where a key stands in YAML files."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

_MERGE = "<<"


@dataclass(frozen=True)
class ConfigFiles:
    """The files that one kind of configuration is read from, those that win last.

    Attributes:
        root: The project's folder, from which paths are shown.
        paths: The files.
    """

    root: Path
    paths: tuple[Path, ...]

    def find(self, key: Sequence[str]) -> str | None:
        """Return where a nested key stands, as ``conf/base/parameters.yml, line 3``.

        Where the last names of the key stand nowhere, the line of the first ones is given; None
        where not even the first is found.
        """
        for length in range(len(key), 0, -1):
            for path in reversed(self.paths):
                line = find_line(path, key[:length])
                if line is not None:
                    return f"{self.show(path)}, line {line}"
        return None

    def declares(self, key: Sequence[str]) -> bool:
        """Return whether a file holds the whole key."""
        return any(find_line(path, key) is not None for path in self.paths)

    def show(self, path: Path) -> str:
        """Return a path as a person of the project writes it."""
        return show_path(path, self.root)


def show_path(path: Path, root: Path) -> str:
    """Return a path from the project's folder where it lies inside of it."""
    path = path.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def find_line(path: Path, key: Iterable[str]) -> int | None:
    """Return the line of a nested key in a YAML file, from 1; None where it is not there."""
    node, line = _compose(path, path.stat().st_mtime_ns), None
    for name in key:
        found = _find_child(node, name)
        if found is None:
            return None
        line, node = found
    return line


@lru_cache(maxsize=64)
def _compose(path: Path, modified_ns: int) -> yaml.Node | None:  # noqa: ARG001 - tells versions apart
    try:
        return yaml.compose(path.read_text("utf-8"), yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):
        return None


def _find_child(node: yaml.Node | None, name: str) -> tuple[int, yaml.Node] | None:
    """Return the line and the value of a key of a mapping, or of a place in a list."""
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        item = node.value[int(name)]
        return item.start_mark.line + 1, item
    if not isinstance(node, yaml.MappingNode):
        return None
    for key, value in node.value:
        if key.value == name:
            return key.start_mark.line + 1, value
    merged = (value for key, value in node.value if key.value == _MERGE)
    return next(filter(None, (_find_child(value, name) for value in merged)), None)
