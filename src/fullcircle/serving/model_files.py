"""From the registry's aliases to files that a worker can load."""

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

from fullcircle.core.errors import FullCircleError
from fullcircle.serving.file_holds import Fingerprint, delete_unread, look_at_files
from fullcircle.serving.runtime_dir import RuntimeDir, make_private_dir, read_json, write_json
from fullcircle.serving.traffic import ROLES, read_roles
from fullcircle.tracking.database import wait_for_locks
from fullcircle.tracking.registry.digests import find_tampering
from fullcircle.tracking.registry.lookup import find_by_number, list_aliases
from fullcircle.tracking.registry.model_files import SEAL, fetch_version
from fullcircle.tracking.registry.rules import RETIRED

_logger = logging.getLogger("fullcircle.endpoint")


class Fetcher:
    """Keeps the roles file as the registry's aliases are.

    Attributes:
        asked: Whether the registry was asked, with or without an answer.
        trouble: What kept a version from being fetched, by version; ``registry`` where the
            registry itself does not answer.
    """

    def __init__(self, folder: RuntimeDir, model: str, tracking_uri: str) -> None:
        """Take the endpoint's folder, the model's three-level name and the registry's address."""
        self._folder, self._model, self._address = folder, model, tracking_uri
        self._connected = False
        self._whole: dict[Path, Fingerprint] = {}  # what was hashed, and how it looked then
        self._kept: set[str] = set()
        self.asked = False
        self.trouble: dict[str, str] = {}

    def refresh(self) -> bool:
        """Fetch what has a role and is not here, and write the roles down.

        Returns:
            Whether a role has moved.
        """
        try:
            self._connect()
            aliases = list_aliases(self._model)
            found = {role: self._describe(aliases[role]) for role in ROLES if role in aliases}
        except Exception as error:  # whatever a registry may raise; the old roles hold until then
            self.trouble["registry"] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            return False
        finally:
            self.asked = True
        self.trouble.pop("registry", None)
        before = self._read_before()
        entries = {role: entry for role, entry in found.items() if entry is not None}
        content = {
            "roles": {role: entry["version"] for role, entry in entries.items()},
            "versions": {entry["version"]: entry for entry in entries.values()},
        }
        if content != before:
            write_json(self._folder.roles, content)
            self._kept = _list_folders(content) | _list_folders(before)
        if self._kept:
            self._forget()
        return content != before

    def _read_before(self) -> dict[str, Any]:
        """Return the roles as they were written; nothing where the file was broken since."""
        try:
            content = read_json(self._folder.roles)
            return {} if content is None else read_roles(content)
        except FullCircleError as error:
            _logger.error("%s", error)
            return {}

    def _connect(self) -> None:
        if self._connected:
            return
        import mlflow

        wait_for_locks()
        mlflow.set_tracking_uri(self._address)
        self._connected = True

    def _describe(self, number: str) -> dict[str, Any] | None:
        """Say what a worker needs to load a version; None where it may or can not be loaded."""
        version = find_by_number(self._model, number)
        if version is None or RETIRED in version.tags:
            return None
        try:
            place = self._fetch(version, number)
        except FullCircleError as error:
            self.trouble[number] = str(error)
            return None
        self.trouble.pop(number, None)
        return {
            "name": self._model,
            "version": number,
            "run_id": str(version.run_id),
            "facts": dict(version.tags or {}),
            "digest": version.tags[SEAL],
            "folder": str(place),
        }

    def _fetch(self, version: Any, number: str) -> Path:
        """Download a version's files, unless these very files are here.

        Files that were changed are left where they are: a worker may be reading them.
        """
        sealed = str(version.tags.get(SEAL, "unsealed"))
        places = sorted(self._folder.models.glob(f"{number}-{sealed[:16]}*"))
        if whole := next((place for place in places if self._is_whole(place, sealed)), None):
            return whole
        beside = f"-{uuid4().hex[:8]}" if places else ""
        place = self._folder.models / f"{number}-{sealed[:16]}{beside}"
        make_private_dir(self._folder.models)
        with tempfile.TemporaryDirectory(dir=self._folder.models) as passing:
            fetched = fetch_version(version, passing)
            shutil.copytree(fetched, f"{passing}/whole")
            Path(passing, "whole").rename(place)
        return place

    def _is_whole(self, place: Path, sealed: str) -> bool:
        """Tell whether files are those of a digest; what looks as it did is not read again."""
        seen = look_at_files(place)
        if self._whole.get(place) != seen:
            if find_tampering(place, sealed) is not None:
                return False
            self._whole[place] = seen
        return True

    def _forget(self) -> None:
        """Delete what no role names, nor named before the last change, and no worker reads."""
        for place in self._folder.models.glob("*"):
            if str(place) not in self._kept and delete_unread(place):
                self._whole.pop(place, None)


def _list_folders(roles: Mapping[str, Any]) -> set[str]:
    return {str(entry["folder"]) for entry in roles.get("versions", {}).values()}
