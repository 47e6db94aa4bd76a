"""The search for a good model: families, their parameters, and the budget between them.

The search is a pure function of data, settings and seed. It works in rounds of fixed size, two of
them at once so that no core waits for the slowest trial of a round. A round is of one family, and
is asked for when all rounds but the youngest are known, and all of its family, so that its course
does not depend on the number of cores. Finished trials are remembered in a journal; a search that
was killed is replayed from it, trial by trial, and goes on where it stopped.
"""

import logging
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import numpy as np
import optuna
import psutil
from threadpoolctl import threadpool_limits

from fullcircle.core.errors import DataError
from fullcircle.core.metrics import METRICS
from fullcircle.core.training.candidates import CANDIDATES, Parameters
from fullcircle.core.training.crossvalidation import CrossValidation
from fullcircle.core.training.settings import SearchSettings
from fullcircle.core.training.trials import Journal, NoJournal, Trial, best_trial

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
class _Asked:
    """A trial that a study asked for."""

    family: _Family
    trial: optuna.Trial
    parameters: Parameters
    limited: bool = True


_Round = list[tuple[_Asked, "Future[Trial]"]]


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
        journal: Journal | None = None,
    ) -> None:
        """Prepare the search; ``candidates`` are names in CANDIDATES that fit the task."""
        self._validation = validation
        self._settings = settings
        self._seed = seed
        self._journal = journal or NoJournal()
        self._greater = METRICS[validation.metric].greater_is_better
        self._families = [_Family(name, self._new_study()) for name in candidates]
        self._spent = 0.0
        self._started = self._resumed_at = time.monotonic()
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
            self._finish(self._start(pool, list(self._untuned())))
            turn, running = 1, deque[tuple[_Family, _Round]]()
            while not self._is_spent() and (family := self._choose_family(turn, running)):
                while family in (busy for busy, _ in running):
                    self._finish(running.popleft()[1])
                running.append((family, self._start(pool, self._ask(family, turn))))
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

    def _untuned(self) -> Iterator[_Asked]:
        """Each family as it comes, and the variants that have often done well."""
        for family in self._families:
            for variant in CANDIDATES[family.name].variants:
                yield _Asked(family, family.study.ask(), variant, limited=False)

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
        return self._spent + time.monotonic() - self._resumed_at

    def _ask(self, family: _Family, turn: int) -> list[_Asked]:
        """Draw the next round of a family; its randomness depends on seed, family and turn only."""
        number = self._families.index(family)
        seed = int(np.random.default_rng([self._seed, number, turn]).integers(2**31))
        family.study.sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=8
        )
        left = _TRIALS_PER_ROUND
        if self._settings.trials is not None:
            left = min(left, self._settings.trials - self._budgeted)
        self._budgeted += left
        space = CANDIDATES[family.name].space
        assert space is not None  # noqa: S101 - only families with a space are asked
        asked = [family.study.ask() for _ in range(left)]
        return [_Asked(family, trial, space(trial)) for trial in asked]

    def _start(self, pool: ThreadPoolExecutor, asked: list[_Asked]) -> _Round:
        """Hand a round to the workers, the last of the families, which take longest, first."""
        begun = [(each, pool.submit(self._try, each)) for each in reversed(asked)]
        return begun[::-1]

    def _finish(self, begun: _Round) -> None:
        """Tell the results of a round in the order in which they were asked for."""
        states = optuna.trial.TrialState
        for each, future in begun:
            result = future.result()
            state = {"complete": states.COMPLETE, "pruned": states.PRUNED}.get(
                result.state, states.FAIL
            )
            score = result.score if state == states.COMPLETE else None
            each.family.study.tell(each.trial, score, state=state)
            each.family.trials.append(result)
        self._announce()

    def _try(self, asked: _Asked) -> Trial:
        """Cross-validate one set of parameters, or remember how it went."""
        trial, parameters = asked.trial, asked.parameters
        key = f"{asked.family.name}/{trial.number}/{sorted(parameters.items())}"
        if known := self._journal.get(key):
            for step, value in enumerate(known["fold_scores"]):
                trial.report(value, step)
            self._spent, self._resumed_at = max(self._clock(), known["clock"]), time.monotonic()
            return Trial(**known)
        result = self._evaluate(asked)
        self._journal.put(key, asdict(result))
        return result

    def _evaluate(self, asked: _Asked) -> Trial:
        started, trial = time.monotonic(), asked.trial
        candidate, parameters = asked.family.name, asked.parameters
        scores: list[float] = []
        state, reason = "complete", ""
        try:
            for number in range(self._validation.count):
                scores.append(self._validation.score_fold(candidate, parameters, number))
                if np.isnan(scores[-1]):
                    state, reason = "failed", f"{self._validation.metric} is undefined on a fold"
                    break
                trial.report(float(np.mean(scores)), number)
                if number + 1 < self._validation.count and (
                    trial.should_prune() or (asked.limited and self._is_late())
                ):
                    state = "pruned"
                    break
        except (ValueError, ArithmeticError, MemoryError) as error:
            state, reason = "failed", f"{candidate}: {str(error).splitlines()[0]}"
        return Trial(
            candidate=candidate,
            number=trial.number,
            parameters=parameters,
            score=float(np.mean(scores)) if state == "complete" else None,
            fold_scores=scores,
            seconds=time.monotonic() - started,
            state=state,
            clock=self._clock(),
            reason=reason,
        )

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
