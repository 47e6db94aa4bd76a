"""What ``/invocations`` does: from a request to an answer, and to a line of the journal."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import orjson

from fullcircle.core.errors import ConfigurationError, DataError
from fullcircle.serving.active_models import LoadedModel
from fullcircle.serving.answers import describe_part, describe_parts, describe_request, find_fault
from fullcircle.serving.batching import Batcher, BusyError
from fullcircle.serving.bodies import Body, BodyLimits, BodyReader
from fullcircle.serving.explanations import explain_part
from fullcircle.serving.features import FeaturesError
from fullcircle.serving.http import (
    CSV,
    JSON,
    ByteBudget,
    HTTPError,
    Receive,
    Response,
    Scope,
    read_all,
    require_type,
)
from fullcircle.serving.metrics import Metrics
from fullcircle.serving.request_log import RequestLog
from fullcircle.serving.scoring import Part
from fullcircle.serving.traffic import CHALLENGER, SHADOW
from fullcircle.serving.worker_state import WorkerState

_INLINE_BYTES = 32 * 1024  # read on the event loop, in a few milliseconds at most
_MAX_SHADOWS = 64  # requests that wait for the shadow; more are left out and counted


class Invocations:
    """Answers requests for predictions."""

    def __init__(self, state: WorkerState, journal: RequestLog, metrics: Metrics) -> None:
        """Take the models, the journal that every answer is written to first, and the counters."""
        self._room, self._journal, self._metrics = state, journal, metrics
        self._batcher = Batcher(
            lambda bodies, ids: state.scorer.score(
                bodies, ids, state.active_models, state.declared
            ),
            state.settings.max_waiting_rows,
            inline=not state.scorer.features.remote,
        )
        settings = state.settings
        self._limits = BodyLimits(settings.max_rows, settings.max_columns, settings.max_cells)
        self._reads: tuple[Any, BodyReader] = ({}, BodyReader((), frozenset()))
        self._budget = ByteBudget(settings.max_waiting_mb * 2**20)
        self._parser = ThreadPoolExecutor(1, thread_name_prefix="parsing")
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._shadows = 0

    async def answer(self, scope: Scope, receive: Receive, name: str, began: float) -> Response:
        """Answer a request.

        Args:
            scope: Of the request.
            receive: Gives its body.
            name: Its id.
            began: When it came, by ``time.perf_counter``.

        Raises:
            HTTPError: It is not valid, or nobody can answer now.
        """
        champion = self._room.active_models.champion
        if champion is None:
            raise HTTPError(503, self._room.why_not_ready(), retry_after="5")
        settings = self._room.settings
        kind = require_type(scope, JSON, CSV).decode()
        most = int(settings.max_body_mb * 2**20)
        content = await read_all(scope, receive, most, settings.body_seconds, self._budget)
        try:
            body = await self._parse(content, kind, champion)
            parts, cpu = await self._batcher.submit(name, body)
        except DataError as error:
            raise HTTPError(400, str(error)) from error
        except BusyError as error:
            raise HTTPError(503, str(error), retry_after="1") from error
        self._count(parts)
        if fault := find_fault(parts):
            if isinstance(fault, DataError):
                raise HTTPError(400, str(fault))
            if isinstance(fault, FeaturesError):
                raise HTTPError(503, str(fault), retry_after="5")
            raise fault
        answer = describe_parts(parts, body.rows)
        if body.explain:
            answer["explanations"] = await self._explain(parts, body.rows)
        answer["request_id"] = name
        self._write_down(parts, name, body.rows, cpu, began)
        self._ask_shadow(parts, name)
        return Response(200, orjson.dumps(answer))

    async def _parse(self, content: bytes, kind: str, champion: LoadedModel) -> Body:
        """Read a body; a large one aside, one after the other, so that small ones need not wait."""
        reader = self._reader_for(champion)
        if len(content) <= _INLINE_BYTES:
            body = reader.read(content, kind)
        else:
            loop = asyncio.get_running_loop()
            self._budget.take(len(content))
            try:
                body = await loop.run_in_executor(self._parser, reader.read, content, kind)
            finally:
                self._budget.give_back(len(content))
        most = self._room.settings.max_explained_rows
        if body.explain and body.rows > most:
            raise DataError(f"The request holds {body.rows} rows; at most {most} are explained.")
        return body

    def _reader_for(self, champion: LoadedModel) -> BodyReader:
        """Return what reads bodies for the models that answer now."""
        active_models = self._room.active_models
        if self._reads[0] is not active_models.by_role:
            known = active_models.columns | self._room.contract.columns
            self._reads = (
                active_models.by_role,
                BodyReader(champion.model.features, known, self._limits, champion.form.aliases),
            )
        return self._reads[1]

    async def _explain(self, parts: list[Part], rows: int) -> list[Any]:
        loop = asyncio.get_running_loop()
        found: list[Any] = [None] * rows
        try:
            for part in parts:
                told = await loop.run_in_executor(self._aside, explain_part, part)
                for row, explanation in zip(part.rows or range(rows), told, strict=True):
                    found[row] = explanation
        except ConfigurationError as error:
            raise HTTPError(400, str(error)) from error
        return found

    def _write_down(
        self, parts: list[Part], name: str, rows: int, cpu: float, began: float
    ) -> None:
        contract = self._room.contract
        tell = partial(
            describe_part,
            row_id=contract.row_id,
            keys=contract.entity_keys,
            private=frozenset(contract.private),
        )
        said = {
            **describe_request(name, "/invocations", began, self._room.worker),
            "status": 200,
            "error": None,
            "count": rows,
            "cpu": cpu,
            "parts": [{**tell(part), "answered": True} for part in parts],
        }
        if not self._journal.append(said) and self._room.settings.log.when_full == "refuse":
            self._journal.withdraw()
            raise HTTPError(503, "The log cannot be written to.", retry_after="5")
        self._metrics.count_request("/invocations", 200).inc()
        self._metrics.time_role(parts[0].role.partition(" ")[0]).observe(said["ms"] / 1000)

    def _count(self, parts: list[Part]) -> None:
        for part in parts:
            for gap in part.gaps:
                self._metrics.count_gaps(gap.table, gap.kind).inc()
            if part.predicted is not None:
                self._metrics.count_rows(part.role.partition(" ")[0], part.loaded.version).inc(
                    part.size
                )
            if part.role.endswith(" instead") or (
                part.fault is not None and not isinstance(part.fault, DataError)
            ):
                failed = self._room.active_models.by_role.get(CHALLENGER, part.loaded)
                self._metrics.count_failures(CHALLENGER, failed.version).inc()

    def _ask_shadow(self, parts: list[Part], name: str) -> None:
        loaded = self._room.active_models.by_role.get(SHADOW)
        if loaded is None:
            return
        if self._shadows >= _MAX_SHADOWS:
            self._metrics.count_failures(SHADOW, loaded.version).inc()
            return
        self._shadows += 1
        at = time.time_ns() // 1000
        self._aside.submit(self._follow, parts, loaded, name, at)

    def _follow(self, parts: list[Part], loaded: Any, name: str, at: int) -> None:
        """Let the shadow predict what was answered; nobody waits for it."""
        try:
            scorer, contract = self._room.scorer, self._room.contract
            told = []
            for part in parts:
                other = scorer.shadow(part, loaded, SHADOW, self._room.declared)
                if other.fault is not None:
                    self._metrics.count_failures(SHADOW, loaded.version).inc()
                    continue
                private = frozenset(contract.private)
                kept = describe_part(other, contract.row_id, contract.entity_keys, private)
                told.append({**kept, "answered": False})
                self._metrics.count_rows(SHADOW, loaded.version).inc(other.size)
            self._room.call_soon(self._journal.append, {"id": name, "at": at, "parts": told})
        finally:
            self._room.call_soon(self._finish_shadow)

    def _finish_shadow(self) -> None:
        self._shadows -= 1

    async def close(self) -> None:
        """Score what waits, and let the shadow say what it has begun."""
        self._parser.shutdown(wait=True)
        self._batcher.close()
        self._aside.shutdown(wait=True)
        await asyncio.sleep(0)  # what the shadow said last is on its way through the event loop
