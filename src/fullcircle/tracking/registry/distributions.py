"""The packages that bring a library: not each has one name on every platform.

``xgboost`` brings 469 MB of GPU libraries on Linux, and ``xgboost-cpu`` has no wheel for macOS.
"""

from importlib.metadata import PackageNotFoundError, version

# Per library whose package depends on the platform: each package with its environment marker,
# as pyproject.toml has them.
PLATFORM_PACKAGES = {
    "xgboost": {
        "xgboost-cpu": "sys_platform != 'darwin'",
        "xgboost": "sys_platform == 'darwin'",
    }
}


def find_version(library: str) -> str | None:
    """Return the installed version of a library, whichever package brought it."""
    for package in PLATFORM_PACKAGES.get(library, (library,)):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return None


def pin_library(library: str) -> list[str]:
    """Return requirements that install this version of a library on any platform.

    Returns:
        One pin, or one with a marker per platform; empty where the library is not installed.
    """
    if (installed := find_version(library)) is None:
        return []
    if library not in PLATFORM_PACKAGES:
        return [f"{library}=={installed}"]
    return [
        f"{package}=={installed}; {marker}"
        for package, marker in PLATFORM_PACKAGES[library].items()
    ]
