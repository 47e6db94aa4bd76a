"""The search for a good model: families, their parameters, and the budget between them.

The search is a pure function of data, settings and seed. It works in rounds of fixed size, two of
them at once, and the folds of a trial are scored beside each other, so that no core waits for the
slowest. A round is of one family, and is asked for when all rounds but the youngest are known, and
all of its family, so that its course does not depend on the number of cores. Finished trials are
remembered in a journal; a search that was killed is replayed from it, trial by trial, and goes on
where it stopped.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from itertools import product

import numpy as np
import optuna
import psutil
from threadpoolctl import threadpool_limits

from fullcircle.core.errors import DataError
from fullcircle.core.metrics import METRICS
from fullcircle.core.training.candidates import CANDIDATES, Parameters
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.settings import SearchSettings
from fullcircle.core.training.trial_execution import TrialExecution
from fullcircle.core.training.trial_store import NoTrialStore, Trial, TrialStore, best_trial

_TRIALS_PER_ROUND = 4
_ROUNDS_AT_ONCE = 2
_logger = logging.getLogger("fullcircle.progress")
optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass
class _Family:
    """A candidate with its study."""

    name: str
    study: optuna.Study
    trials: list[Trial] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """Seconds that its trials took."""
        return sum(trial.seconds for trial in self.trials)

    def best(self) -> Trial | None:
        """Its best complete trial, the earliest of equal ones."""
        return best_trial(self.trials, greater=self.study.direction.name == "MAXIMIZE")


@dataclass(frozen=True)
class _Round:
    """Trials of one family that are under way, or of all before there is a leader."""

    attempts: list[tuple[_Family, TrialExecution]]
    folds: list[Future[None]]


def _use_one_thread() -> None:
    """Keep what a worker fits on one thread; OpenMP's limit holds for the calling thread alone."""
    threadpool_limits(limits=1)


class Search:
    """A search over families under one budget."""

    def __init__(
        self,
        validation: CrossValidation,
        candidates: list[str],
        settings: SearchSettings,
        seed: int,
        journal: TrialStore | None = None,
    ) -> None:
        """Prepare the search; ``candidates`` are names in CANDIDATES that fit the task."""
        self._validation = validation
        self._settings = settings
        self._seed = seed
        self._journal = journal or NoTrialStore()
        self._greater = METRICS[validation.metric].greater_is_better
        self._families = [_Family(name, self._new_study()) for name in candidates]
        self._spent = 0.0
        self._started = time.monotonic()
        self._workers = settings.workers or psutil.cpu_count(logical=False) or 1
        self._budgeted = 0

    def run(self) -> list[Trial]:
        """Spend the budget.

        Returns:
            All trials, family by family, in the order in which they were asked for.

        Raises:
            DataError: No trial of any family came to its end.
        """
        with self._open_pool() as pool:
            self._finish(self._start_untuned(pool))
            turn, running = 1, deque[tuple[_Family, _Round]]()
            while not self._is_spent() and (family := self._choose_family(turn, running)):
                while family in (busy for busy, _ in running):
                    self._finish(running.popleft()[1])
                running.append((family, self._start_round(pool, family, turn)))
                turn += 1
                if len(running) == _ROUNDS_AT_ONCE:
                    self._finish(running.popleft()[1])
            for _, begun in running:
                self._finish(begun)
        trials = [trial for family in self._families for trial in family.trials]
        if not any(trial.state == "complete" for trial in trials):
            reasons = sorted({trial.reason for trial in trials if trial.reason})
            raise DataError(f"No candidate could be fitted: {'; '.join(reasons) or 'no folds'}.")
        return trials

    def account_for_time(self) -> dict[str, float]:
        """Say where the time of this process's share of the search went, in seconds.

        Returns:
            ``wall`` and ``workers``; ``fitting``, ``preparing`` and ``scoring`` summed over the
            workers; ``outside_fitting``, the share of the workers' time that no fit or
            preparation used, waiting included.
        """
        wall = time.monotonic() - self._started
        spent = dict(self._validation.seconds)
        used = spent["fitting"] + spent["preparing"]
        share = 1 - used / (wall * self._workers)
        return {"wall": wall, "workers": self._workers, **spent, "outside_fitting": share}

    def _new_study(self) -> optuna.Study:
        pruner = optuna.pruners.MedianPruner(n_startup_trials=4)
        return optuna.create_study(
            direction="maximize" if self._greater else "minimize",
            pruner=pruner if self._settings.prune else optuna.pruners.NopPruner(),
        )

    @contextmanager
    def _open_pool(self) -> Iterator[ThreadPoolExecutor]:
        """Give the workers; what waits for one is dropped when the search is interrupted."""
        pool = ThreadPoolExecutor(self._workers, initializer=_use_one_thread)
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)

    def _choose_family(self, turn: int, running: deque[tuple[_Family, _Round]]) -> _Family | None:
        """Choose the family of the next round: half of the effort goes to the leader.

        A quarter goes to the second, an eighth to the third, and so on: of the trials, or of the
        time where that is the budget.
        """
        if not (ranked := self._rank()):
            return None
        if self._settings.trials is not None:
            # Whose turn it is, for turns 1, 2, 3 …: 0 1 0 2 0 1 0 3 …
            return ranked[min((turn & -turn).bit_length(), len(ranked)) - 1]
        busy = [family for family, _ in running]
        places = range(len(ranked))
        return ranked[min(places, key=lambda at: (ranked[at] in busy, ranked[at].seconds * 2**at))]

    def _rank(self) -> list[_Family]:
        """The families that can be tuned, best first."""
        sign = -1.0 if self._greater else 1.0
        tunable = [
            (sign * (best.score or 0.0), place, family)
            for place, family in enumerate(self._families)
            if CANDIDATES[family.name].space and (best := family.best())
        ]
        return [family for _, _, family in sorted(tunable, key=lambda entry: entry[:2])]

    def _is_spent(self) -> bool:
        if self._settings.trials is not None and self._budgeted >= self._settings.trials:
            return True
        return self._settings.seconds is not None and self._clock() >= self._settings.seconds

    def _clock(self) -> float:
        """Seconds of search so far, those before a kill included."""
        return self._spent + time.monotonic() - self._started

    def _start_untuned(self, pool: ThreadPoolExecutor) -> _Round:
        """Begin with each family as it comes, and the variants that have often done well.

        The last ones, which take longest, come first, each with all its folds, since preparing a
        fold for one holds up the others that need it; none is cut short.
        """
        begun = [
            (family, self._ask(family, variant))
            for family in self._families
            for variant in CANDIDATES[family.name].variants
        ]
        waiting = product(
            [attempt for _, attempt in reversed(begun)], range(self._validation.count)
        )
        return _Round(begun, self._submit(pool, waiting, limited=False))

    def _start_round(self, pool: ThreadPoolExecutor, family: _Family, turn: int) -> _Round:
        """Draw the next round of a family; its randomness depends on seed, family and turn only.

        Its trials go on side by side, fold by fold, so that one that is cut short has seldom been
        fitted on more folds than needed.
        """
        number = self._families.index(family)
        seed = int(np.random.default_rng([self._seed, number, turn]).integers(2**31))
        family.study.sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=8
        )
        left = _TRIALS_PER_ROUND
        if self._settings.trials is not None:
            left = min(left, self._settings.trials - self._budgeted)
        self._budgeted += left
        begun = [(family, self._ask(family)) for _ in range(left)]
        folds = product(range(self._validation.count), [attempt for _, attempt in begun])
        waiting = ((attempt, number) for number, attempt in folds)
        return _Round(begun, self._submit(pool, waiting, limited=True))

    def _ask(self, family: _Family, variant: Parameters | None = None) -> TrialExecution:
        """Ask a study for a trial, of given parameters or of those that it draws."""
        trial, space = family.study.ask(), CANDIDATES[family.name].space
        if variant is None:
            assert space is not None  # noqa: S101 - only families with a space are ranked
            variant = space(trial)
        attempt = TrialExecution(family.name, trial, variant, self._validation)
        if known := self._journal.get(attempt.key):
            attempt.remember(Trial(**known))
        return attempt

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        waiting: Iterable[tuple[TrialExecution, int]],
        *,
        limited: bool,
    ) -> list[Future[None]]:
        """Hand folds to the workers in this order, but for those of trials that are remembered."""
        return [
            pool.submit(self._score, attempt, number, limited=limited)
            for attempt, number in waiting
            if attempt.result is None
        ]

    def _score(self, attempt: TrialExecution, number: int, *, limited: bool) -> None:
        """Score a fold of a trial, and remember the trial once that decides it."""
        if result := attempt.score(number, lambda: limited and self._is_late()):
            attempt.result = replace(result, clock=self._clock())
            self._journal.put(attempt.key, asdict(attempt.result))

    def _finish(self, begun: _Round) -> None:
        """Tell the results of a round in the order in which they were asked for."""
        states = optuna.trial.TrialState
        for fold in begun.folds:
            fold.result()
        for family, attempt in begun.attempts:
            result = attempt.result
            assert result is not None  # noqa: S101 - all its folds are scored
            state = {"complete": states.COMPLETE, "pruned": states.PRUNED}.get(
                result.state, states.FAIL
            )
            family.study.tell(attempt.trial, result.score, state=state)
            family.trials.append(result)
            self._spent += max(0.0, result.clock - self._clock())  # of the search before a kill
        self._announce()

    def _is_late(self) -> bool:
        return self._settings.seconds is not None and self._clock() > self._settings.seconds

    def _announce(self) -> None:
        ranked = [best for family in self._families if (best := family.best())]
        best = best_trial(ranked, greater=self._greater)
        done, seconds = sum(len(family.trials) for family in self._families), self._clock()
        share = max(
            self._budgeted / self._settings.trials if self._settings.trials else 0.0,
            seconds / self._settings.seconds if self._settings.seconds else 0.0,
        )
        _logger.info(
            "search: %d trials, best %s %.4f (%s), %.0f s",
            done,
            self._validation.metric,
            best.score if best else float("nan"),
            best.candidate if best else "none",
            seconds,
            extra={"share": min(share, 1.0)},
        )
