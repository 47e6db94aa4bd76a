"""What a model needs where it is loaded, with the versions that made it."""

from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version

from fullcircle.registry.carried_code import OWN_PACKAGE, find_libraries, list_own

# scipy, joblib and threadpoolctl come with scikit-learn at any version; the sums are theirs too.
_ALWAYS = ("numpy", "pandas", "scikit-learn", "scipy", "joblib", "threadpoolctl", "skops", "mlflow")
# Two names of one module: on Linux and Windows the one without GPU libraries, which has no wheel
# for macOS.
_XGBOOST = ("xgboost-cpu", "xgboost")


def list_requirements(modules: Iterable[str]) -> list[str]:
    """Pin what an estimator needs, one requirement a line.

    Args:
        modules: Modules that its types are from.

    Returns:
        Requirements such as ``numpy==2.4.1``, sorted, that install on Linux, macOS and Windows.
    """
    named = set(modules)
    libraries = {name.partition(".")[0] for name in named} | find_libraries(list_own(named))
    known = packages_distributions()
    needed = {name for library in libraries for name in known.get(library, [])[:1]}
    return sorted(line for name in {*_ALWAYS, *needed} - {OWN_PACKAGE} for line in _pin(name))


def _pin(distribution: str) -> Iterator[str]:
    try:
        pinned = version(distribution)
    except PackageNotFoundError:
        return
    if distribution not in _XGBOOST:
        yield f"{distribution}=={pinned}"
        return
    yield f"xgboost-cpu=={pinned}; sys_platform != 'darwin'"
    yield f"xgboost=={pinned}; sys_platform == 'darwin'"
