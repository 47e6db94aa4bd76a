"""Who answers whom: shares of champion and challenger, sticky by entity."""

from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from pydantic import Field, ValidationError

from fullcircle.core.contract import Settings
from fullcircle.core.errors import ConfigurationError, StorageError
from fullcircle.serving.runtime_dir import RuntimeDir, write_json

CHAMPION, CHALLENGER, SHADOW = "champion", "challenger", "shadow"
ROLES = (CHAMPION, CHALLENGER, SHADOW)


class Traffic(Settings):
    """Which share of the entities the challenger answers.

    Attributes:
        challenger: The share, from 0 (the champion alone) to 1 (blue-green).
        version: The version that the share is for; another challenger gets none. None: any.
        who: Who said so.
        why: Why.
        at: When, in UTC.
    """

    challenger: float = Field(0.0, ge=0, le=1, allow_inf_nan=False)
    version: str | None = None
    who: str = ""
    why: str = ""
    at: str = ""

    def share_of(self, version: str | None) -> float:
        """Give the share of the version that is challenger now; None where there is none."""
        if version is None or self.version not in (None, version):
            return 0.0
        return self.challenger


def read_roles(content: Any = None) -> dict[str, Any]:
    """Parse the roles file; without one, nobody has a role.

    Raises:
        StorageError: It holds something else. The models that are loaded answer on.
    """
    if content is None:
        return {"roles": {}, "versions": {}}
    try:
        roles, versions = dict(content["roles"]), dict(content["versions"])
        return {"roles": roles, "versions": {number: versions[number] for number in roles.values()}}
    except (KeyError, TypeError, ValueError) as error:
        raise StorageError(
            "roles.json is not what the supervisor wrote; it writes it anew at its next look."
        ) from error


def read_traffic(content: Any) -> Traffic:
    """Make sense of the traffic file; without one, the champion answers everybody."""
    return Traffic.model_validate(content or {})


def set_traffic(
    folder: RuntimeDir, share: Any, why: str, who: str, version: str | None = None
) -> Traffic:
    """Say which share of the entities the challenger answers, for all workers.

    Raises:
        ConfigurationError: The share is none.
        StorageError: The folder cannot be written to.
    """
    at = datetime.now(UTC).isoformat()
    try:
        said = Traffic(challenger=share, version=version, who=who, why=why[:500], at=at)
    except ValidationError as error:
        raise ConfigurationError(
            f"The challenger's share is {str(share)[:40]!r}; it must be a number from 0 to 1."
        ) from error
    write_json(folder.traffic, said.model_dump(mode="json"))
    return said


def assign_entity(salt: str, key: str) -> float:
    """Give an entity its place in [0, 1): always the same, and unrelated to its neighbours'."""
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, key=salt.encode()[:64])
    return int.from_bytes(digest.digest(), "big") / 2**64


def choose_role(salt: str, key: str, share: float) -> str:
    """Say who answers an entity: those placed below the share are the challenger's.

    So a larger share takes entities from the champion, and gives it none.
    """
    return CHALLENGER if share > 0 and assign_entity(salt, key) < share else CHAMPION
