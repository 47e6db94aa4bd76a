"""What a model needs where it is loaded, with the versions that made it."""

from collections.abc import Iterable
from importlib.metadata import packages_distributions

from fullcircle.tracking.registry.carried_code import OWN_PACKAGE, find_libraries, list_own
from fullcircle.tracking.registry.distributions import PLATFORM_PACKAGES, pin_library

# scipy, joblib and threadpoolctl come with scikit-learn at any version; the sums are theirs too.
_ALWAYS = ("numpy", "pandas", "scikit-learn", "scipy", "joblib", "threadpoolctl", "skops", "mlflow")
_LIBRARY_BY_PACKAGE = {
    package: library for library, packages in PLATFORM_PACKAGES.items() for package in packages
}


def list_requirements(modules: Iterable[str]) -> list[str]:
    """Pin what an estimator needs, one requirement a line.

    Args:
        modules: Modules that its types are from.

    Returns:
        Requirements such as ``numpy==2.4.1``, sorted, that install on Linux, macOS and Windows.
    """
    named = set(modules)
    imported = {name.partition(".")[0] for name in named} | find_libraries(list_own(named))
    known = packages_distributions()
    packages = {package for name in imported for package in known.get(name, [])[:1]}
    libraries = {_LIBRARY_BY_PACKAGE.get(name, name) for name in {*_ALWAYS, *packages}}
    return sorted(pin for library in libraries - {OWN_PACKAGE} for pin in pin_library(library))
