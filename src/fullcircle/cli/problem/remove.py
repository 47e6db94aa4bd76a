"""Taking a problem away without a trace."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import fullcircle
from fullcircle.config_resolvers import list_problems, read_variable
from fullcircle.core.errors import ConfigurationError, StorageError, name_missing

_DEFAULT = re.compile(r"(\$\{switch:PROBLEM,)(\w+)(,)")
_TEXTS = (".py", ".md", ".yml", ".yaml", ".toml", ".ipynb", ".jinja")


@dataclass(frozen=True)
class Removal:
    """What is taken away with a problem.

    Attributes:
        root: The project.
        name: The problem.
        paths: Files and folders that go.
        default: The problem that becomes the default, where the one that goes was it.
        mentions: Files that go on naming it.
    """

    root: Path
    name: str
    paths: list[Path]
    default: str | None
    mentions: list[Path]

    def tell(self) -> list[str]:
        """Say in lines what goes, what changes, and what still names the problem."""
        lines = [f"removes {path.relative_to(self.root).as_posix()}" for path in self.paths]
        if self.default:
            lines.append(f"changes conf/base/globals.yml: PROBLEM is then {self.default}")
        if self.mentions:
            named = ", ".join(path.relative_to(self.root).as_posix() for path in self.mentions)
            lines.append(f"leaves what names it as an example: {named}")
        return lines


def plan_removal(root: Path, name: str, *, data: bool) -> Removal:
    """Say what would be taken away.

    Raises:
        ConfigurationError: There is no such problem, or no other one.
    """
    present = list_problems()
    if wrong := name_missing([name], present):
        raise ConfigurationError(f"There is no problem {wrong}. There are: {', '.join(present)}.")
    others = [each for each in present if each != name]
    if not others:
        raise ConfigurationError(f"{name} is the only problem. Make another one first.")
    paths = [path for path in _list_paths(root, name, data=data) if path.exists()]
    default = others[0] if name in _DEFAULT.sub(r"\2", _read_default(root)) else None
    mentions = [
        path
        for path in _list_texts(root)
        if not any(path.is_relative_to(gone) for gone in paths)
        and re.search(rf"\b{name}\b", path.read_text("utf-8", errors="ignore"))
    ]
    return Removal(root, name, paths, default, mentions)


def _list_paths(root: Path, name: str, *, data: bool) -> list[Path]:
    package = (
        Path(fullcircle.__file__).parent if root in Path(fullcircle.__file__).parents else None
    )
    source = package or root / "src" / fullcircle.__name__
    made = sorted((root / "data").glob(f"*/{name}")) if data else []
    raw = root / str(read_variable("RAW_DIR", "data/01_raw")) / name
    return [
        source / "problems" / name,
        root / "conf" / "base" / "problems" / name,
        *sorted((root / "tests" / "problems").glob(f"test_{name}.py")),
        *dict.fromkeys([*made, *([raw] if data else [])]),
    ]


def _read_default(root: Path) -> str:
    found = _DEFAULT.search(_globals(root).read_text("utf-8"))
    return found[0] if found else ""


def _globals(root: Path) -> Path:
    return root / "conf" / "base" / "globals.yml"


def _list_texts(root: Path) -> list[Path]:
    folders = [root / folder for folder in ("src", "conf", "tests", "docs", "notebooks")]
    files = [path for folder in folders if folder.is_dir() for path in sorted(folder.rglob("*"))]
    return [path for path in [*root.glob("*.md"), *files] if path.suffix in _TEXTS]


def remove_problem(plan: Removal) -> None:
    """Take away what was planned: configuration last, so that a cut-off removal can be repeated.

    Raises:
        StorageError: Something cannot be removed.
    """
    if plan.default:
        path = _globals(plan.root)
        text = _DEFAULT.sub(rf"\g<1>{plan.default}\g<3>", path.read_text("utf-8"))
        path.write_text(text, encoding="utf-8")
    try:
        for path in reversed(plan.paths):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    except OSError as error:
        raise StorageError(f"{error.filename} cannot be removed: {error.strerror}.") from error
