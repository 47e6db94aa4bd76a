"""What a worker knows: models, traffic and tokens, read again when their files are replaced."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fullcircle.core.contract import FeatureTable
from fullcircle.core.errors import FullCircleError
from fullcircle.serving.active_models import ActiveModels, LoadedModel, load_model
from fullcircle.serving.features import OnlineFeatures
from fullcircle.serving.runtime_dir import RuntimeDir, WatchedFile, write_json
from fullcircle.serving.schemas import Contract
from fullcircle.serving.scoring import Scorer
from fullcircle.serving.settings import ServingSettings
from fullcircle.serving.store_watch import StoreWatch
from fullcircle.serving.tokens import Tokens, read_tokens
from fullcircle.serving.traffic import (
    CHALLENGER,
    CHAMPION,
    Traffic,
    read_roles,
    read_traffic,
    set_traffic,
)

_logger = logging.getLogger("fullcircle.endpoint")
_TURN_SECONDS = 0.05
_PATIENCE_SECONDS = 20.0  # with a registry that does not answer
_NO_CHAMPION = "There is no champion yet. Train and promote one first: kedro run."


class WorkerState:
    """What a worker knows.

    Attributes:
        folder: The endpoint's.
        contract: What is known of the problem.
        settings: Of the endpoint.
        worker: The worker's number.
        active_models: Who answers now; replaced as a whole.
        declared: Keys and times by feature table.
        scorer: Scores by them.
        refused: Why a version could not be loaded, by version.
    """

    def __init__(self, folder: RuntimeDir, plan: Mapping[str, Any], worker: int) -> None:
        """Read what there is; models are loaded by ``watch``."""
        self.folder, self.worker = folder, worker
        self.contract = Contract(**plan["contract"])
        self.settings = ServingSettings.model_validate(plan["settings"])
        self.active_models = ActiveModels()
        self.declared = {
            name: FeatureTable.model_validate(entry) for name, entry in plan["tables"].items()
        }
        self.refused: dict[str, str] = {}
        ahead = timedelta(minutes=self.settings.max_ahead_minutes)
        features = OnlineFeatures(plan["online_store"])
        self.scorer = Scorer(features, self.contract, self.settings.sticky_salt, ahead)
        self._traffic = WatchedFile(folder.traffic, read_traffic, Traffic)
        self._tokens: WatchedFile[Tokens | None] = WatchedFile(
            folder.tokens, read_tokens, lambda: None
        )
        self._status: WatchedFile[dict[str, Any]] = WatchedFile(folder.status, _read_status, dict)
        # After the status: once the registry was asked, the roles are those that it gave.
        self._roles = WatchedFile(folder.roles, read_roles, read_roles)
        self._told: list[str] = []
        self.store = StoreWatch(folder, features, self.settings.watch_seconds)
        self._serving = False
        self._known: dict[str, LoadedModel] = {}
        self._loader = ThreadPoolExecutor(1, thread_name_prefix="loading")
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def traffic(self) -> Traffic:
        """The share that was asked for."""
        return self._traffic.value

    def tokens(self) -> Tokens | None:
        """Return the tokens, a moment after they were changed; None where they cannot be read."""
        return self._tokens.value

    @property
    def log_works(self) -> bool:
        """Whether the supervisor can bring the journal to the log."""
        return bool(self._status.value.get("log", "ok") == "ok")

    @property
    def troubles(self) -> list[str]:
        """Why files of the endpoint's folder cannot be used, a line each."""
        watched = (self._roles, self._traffic, self._tokens)
        return [one.trouble for one in watched if one.trouble is not None]

    def set_traffic(self, share: Any, why: str, who: str) -> Traffic:
        """Say which share the challenger answers, for all workers.

        Raises:
            ConfigurationError: It is no share.
        """
        said = set_traffic(self.folder, share, why, who)
        self._refresh_traffic()
        return said

    async def wait_until_loaded(self) -> None:
        """Wait for the champion, or for the registry's word that there is none to be had."""
        last = time.monotonic() + _PATIENCE_SECONDS
        while self.active_models.champion is None:
            number = self._roles.value["roles"].get(CHAMPION)
            asked = self._status.value.get("registry_asked", True) or time.monotonic() > last
            if number in self.refused or (asked and number is None):
                return
            await asyncio.sleep(_TURN_SECONDS)

    def report_serving(self) -> None:
        """Tell the supervisor that connections are accepted from now on."""
        self._serving = True
        self._report()

    async def watch(self, every: float = 0.2) -> None:
        """Follow the files for as long as the worker lives."""
        with suppress(Exception):  # said by what is refused
            await self.load()
        while True:
            await asyncio.sleep(every)
            try:
                await self._look()
            except Exception as error:  # the watch goes on whatever happens
                _logger.error("%s: %s", type(error).__name__, error)

    async def _look(self) -> None:
        """Take up what has changed: tokens first, since nothing may keep a revoked one alive."""
        self._tokens.changed()
        self._status.changed()
        self._refresh_traffic()
        champion = self.active_models.champion
        self.store.look([one.table for one in champion.form.lookups] if champion else [])
        # Without a readable file the models that are loaded answer on.
        if self._roles.changed() and self._roles.trouble is None and self._roles.present:
            await self.load()
        if self.troubles != self._told:
            self._told = self.troubles
            for trouble in self._told:
                _logger.error("%s", trouble)
            self._report()

    def call_soon(self, act: Callable[..., Any], *arguments: Any) -> None:
        """Have something done on the event loop, from another thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(act, *arguments)

    def why_not_ready(self) -> str:
        """Say why nobody answers."""
        number = self._roles.value.get("roles", {}).get(CHAMPION)
        if number is None:
            return _NO_CHAMPION
        return self.refused.get(number, "The champion is being loaded.")

    def describe(self) -> dict[str, Any]:
        """Say who answers, for anybody who may ask for predictions."""
        from fullcircle import __version__

        versions = {role: loaded.version for role, loaded in self.active_models.by_role.items()}
        return {
            "fullcircle": __version__,
            "problem": self.contract.name,
            "model_versions": versions,
            "challenger_share": self.active_models.share,
        }

    def tell(self) -> dict[str, Any]:
        """Say more, for those who run the endpoint."""
        asked = sum(loaded.asked for loaded in self._known.values())
        found = sum(loaded.found for loaded in self._known.values())
        return {
            "worker": self.worker,
            "serving": self._serving,
            "pid": os.getpid(),
            "refused": self.refused,
            "troubles": self.troubles,
            "online_store": self.store.trouble or "ok",
            "cache": {"asked": asked, "found": found, "hit_rate": found / asked if asked else None},
        }

    async def load(self) -> None:
        """Load new versions beside the old ones, which answer until then, and change over."""
        content = self._roles.value
        self._loop = asyncio.get_running_loop()
        active_models: dict[str, LoadedModel] = {}
        for role, number in content.get("roles", {}).items():
            entry = content["versions"][number]
            loaded = await self._loop.run_in_executor(self._loader, self._take, entry)
            former = self.active_models.by_role.get(role)
            if loaded is not None or (former is not None and role == CHAMPION):
                active_models[role] = loaded or former  # type: ignore[assignment]
        self._known = {loaded.version: loaded for loaded in active_models.values()}
        self.active_models = replace(self.active_models, by_role=active_models)
        self._refresh_traffic()
        self._report()

    def _take(self, entry: Mapping[str, Any]) -> LoadedModel | None:
        number = entry["version"]
        if number in self._known:
            return self._known[number]
        try:
            loaded = load_model(entry, self.contract, self.settings.cache_rows)
        except Exception as error:
            self.refused[number] = str(error)
            _logger.error("version %s is not loaded: %s", number, error)
            return None
        if loaded.form.schema is None:
            _logger.info(
                "version %s carries no input schema: its values are read by their types alone, so "
                "send them as a run has them, not as the source writes them",
                number,
            )
        self.refused.pop(number, None)
        self._known[number] = loaded
        return loaded

    def _refresh_traffic(self) -> None:
        self._traffic.changed()
        champion, challenger = (
            self.active_models.champion,
            self.active_models.by_role.get(CHALLENGER),
        )
        other = challenger.version if challenger and challenger != champion else None
        share = self.traffic.share_of(other)
        if share != self.active_models.share:
            self.active_models = replace(self.active_models, share=share)

    def _report(self) -> None:
        said = {**self.describe(), **self.tell(), "at": datetime.now(UTC).isoformat()}
        try:
            write_json(self.folder.workers / f"{self.worker}.json", said)
        except FullCircleError as error:
            _logger.error("%s", error)


def _read_status(content: Any) -> dict[str, Any]:
    return dict(content or {})
