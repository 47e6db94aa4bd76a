"""What the registry refuses, no matter who asks.

A role is an alias: ``challenger`` asks for promotion, ``champion`` scores, ``previous`` is what a
rollback returns to, ``shadow`` predicts without answering.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from fullcircle.core.errors import ConfigurationError, ModelError
from fullcircle.tracking.registry.model_files import SEAL

CHALLENGER, CHAMPION, PREVIOUS, SHADOW = "challenger", "champion", "previous", "shadow"
GATED = {CHAMPION: "kedro model promote", PREVIOUS: "kedro model rollback"}
DECISION, AGAINST, RETIRED = "decision", "decided_against", "retired"
PROMOTE, REFUSE, NOBODY = "promote", "refuse", "nobody"
OWN_TAGS = (SEAL, DECISION, AGAINST, RETIRED)  # tags that no hand may write


def refuse_gated(alias: str) -> None:
    """Refuse to move a role by hand that only the gate gives.

    Raises:
        ModelError: It is such a role; names the command for it.
    """
    if alias in GATED:
        raise ModelError(f"The alias {alias} moves by the gate alone: {GATED[alias]}.")


def refuse_odd_alias(alias: str) -> None:
    """Refuse a name that the registry cannot keep, or that reads like a version.

    Raises:
        ConfigurationError: It is such a name.
    """
    if not re.fullmatch(r"[\w-]+", alias, flags=re.ASCII) or re.fullmatch(r"v?\d+|latest", alias):
        raise ConfigurationError(
            f"{alias!r} cannot be an alias: letters, digits, _ and - make one, and it must not "
            "read like a version."
        )


def refuse_unjudged(version: Any, present: str | None) -> None:
    """Refuse a version that the gate did not let pass against the present champion.

    Raises:
        ModelError: Says what the gate decided, and against whom.
    """
    name, decision = f"{version.name} v{version.version}", version.tags.get(DECISION)
    if decision != PROMOTE:
        said = "refused it" if decision == REFUSE else "has not judged it yet"
        raise ModelError(f"{name} cannot be promoted: the gate {said}.")
    against = version.tags.get(AGAINST)
    if against != (present or NOBODY):
        then = "nobody" if against == NOBODY else f"champion v{against}"
        raise ModelError(
            f"{name} was compared with {then}, and the champion is now v{present}. "
            f"Let the gate compare again: kedro model promote {version.version}"
        )


def refuse_retired(version: Any) -> None:
    """Refuse a version that was taken out of use.

    Raises:
        ModelError: It was; says why.
    """
    if RETIRED in version.tags:
        raise ModelError(f"{version.name} v{version.version} is retired: {version.tags[RETIRED]}.")


def seal_decision(decision: Mapping[str, Any]) -> str:
    """SHA-256 of a decision of the gate, by which the log knows it again."""
    text = json.dumps(decision, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
