"""The code that travels with a model: the modules that its estimator is made of, and no others.

A model's folder holds them below ``code``, where MLflow looks when it loads the model in an
environment in which this library is not installed. Our own loader never runs them.
"""

import ast
import sys
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from pathlib import Path

OWN_PACKAGE = __name__.partition(".")[0]
_ROOT = Path(__file__).parents[3]

# The carried package stands aside for an installed one: without this, anyone who loads a model and
# then imports the library would get the few modules that the model brought.
_STAND_ASIDE = '''

def _stand_aside() -> None:
    """Use the installed library instead of the part that a model carries, where there is one."""
    import sys
    from importlib.machinery import PathFinder
    from pathlib import Path

    carried = Path(__file__).resolve().parent.parent
    elsewhere = [place for place in sys.path if Path(place or ".").resolve() != carried]
    found = PathFinder.find_spec(__name__, elsewhere)
    if found is None or found.loader is None or found.submodule_search_locations is None:
        return
    module = sys.modules[__name__]
    module.__path__ = list(found.submodule_search_locations)
    module.__spec__ = found
    found.loader.exec_module(module)


_stand_aside()
'''


def write_code(modules: Iterable[str], folder: Path) -> Path | None:
    """Write the own modules among some, and all that they import, below a folder.

    Args:
        modules: Names of modules; those of other packages are left to the requirements.
        folder: Where the package goes; it must exist.

    Returns:
        The package's folder; None where no module is our own.
    """
    needed = find_own_modules(frozenset(filter(_is_own, modules)))
    for name in needed:
        source = _find_source(name)
        target = folder / source.relative_to(_ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.read_text(encoding="utf-8")
        target.write_text(text + _STAND_ASIDE if name == OWN_PACKAGE else text, encoding="utf-8")
    return folder / OWN_PACKAGE if needed else None


@cache
def find_own_modules(modules: frozenset[str]) -> list[str]:
    """Name modules, their packages, and all of our own that they import, in order."""
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for each in _list_imports(name) if _is_own(each) and _exists(each)]
            waiting += [parent for parent in [name.rpartition(".")[0]] if parent]
    return sorted(found)


@cache
def find_libraries(modules: frozenset[str]) -> set[str]:
    """Name the packages of others without which these modules cannot be imported."""
    imported = {
        name.partition(".")[0]
        for module in find_own_modules(modules)
        for name in _list_imports(module, within_functions=False)
    }
    return imported - {OWN_PACKAGE} - set(sys.stdlib_module_names)


def list_own(modules: Collection[str]) -> frozenset[str]:
    """Give the modules that are our own."""
    return frozenset(filter(_is_own, modules))


def _list_imports(module: str, *, within_functions: bool = True) -> list[str]:
    """Name what a module imports; a name taken from a package may be a module of it."""
    tree = ast.parse(_find_source(module).read_text(encoding="utf-8"))
    names = []
    for node in _walk_imports(tree, within_functions=within_functions):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def _walk_imports(
    tree: ast.AST, *, within_functions: bool
) -> Iterator[ast.Import | ast.ImportFrom]:
    """Give the imports of a module but for those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.FunctionDef) and not within_functions:
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        else:
            yield from _walk_imports(node, within_functions=within_functions)


def _is_own(module: str) -> bool:
    return module.partition(".")[0] == OWN_PACKAGE


def _exists(module: str) -> bool:
    return _locate(module) is not None


def _find_source(module: str) -> Path:
    found = _locate(module)
    if found is None:
        raise ModuleNotFoundError(f"The source of {module} is not there to be kept with a model.")
    return found


def _locate(module: str) -> Path | None:
    place = _ROOT / module.replace(".", "/")
    sources = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((source for source in sources if source.is_file()), None)
