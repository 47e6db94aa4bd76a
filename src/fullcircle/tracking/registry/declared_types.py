"""Types that a project trusts beyond the library's own, as its configuration declares them.

They are declared in the project, never in a model: a model that could name its own trusted types
could name any code.
"""

import re
import sys
from collections.abc import Iterable
from typing import Any

from fullcircle.core.errors import ConfigurationError

SETTING = "trusted_types"  # of conf/base/globals.yml
HOW_TO_TRUST = f"If you know its code, add the type to {SETTING} in conf/base/globals.yml"
_TYPE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_declared: list[str] = []


def declare_types(given: Any) -> None:
    """Trust these types in this process, and none that were declared before.

    Args:
        given: Names such as ``shop.encoders.Postcode``.

    Raises:
        ConfigurationError: It is no list of names of types, or one is of Python itself.
    """
    _declared[:] = _check_types(given)


def list_declared() -> list[str]:
    """Return the types that the open project declares."""
    return list(_declared)


def _check_types(given: Any) -> list[str]:
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise ConfigurationError(
            f"{SETTING} is a list of types such as [shop.encoders.Postcode], given is {given!r}."
        )
    names = [str(name) for name in given]
    if wrong := [name for name in names if not _TYPE.fullmatch(name)]:
        raise ConfigurationError(
            f"{SETTING} names types with their modules, such as shop.encoders.Postcode. These are "
            f"none: {', '.join(map(repr, wrong))}."
        )
    if own := [name for name in names if name.partition(".")[0] in sys.stdlib_module_names]:
        raise ConfigurationError(
            f"{SETTING} names {', '.join(own)} of Python's own library, with which a model could "
            "run any code. Name types of your own or of a library for models."
        )
    return names
