"""Optuna's samplers by name, through ask and tell: `optuna:SAMPLER`.

Akiba, Sano, Yanase, Ohta and Koyama (2019), "Optuna: a next-generation hyperparameter optimization framework",
doi:10.1145/3292500.3330701.

| name | sampler |
|---|---|
| TPE (default) | tree-structured Parzen estimator (Bergstra et al. 2011), multivariate, with a constant liar |
| CMA-ES | CMA-ES with margin (Hamano et al. 2022, doi:10.1145/3512290.3528827); numbers only |
| NSGA-II | genetic, for one or several objectives (Deb et al. 2002, doi:10.1109/4235.996017) |
| NSGA-III | the same for many objectives (Deb and Jain 2014, doi:10.1109/TEVC.2013.2281535) |
| GP | Gaussian process with log expected improvement; slow beyond a few hundred trials |
| QMC | scrambled Sobol points: covers the space, learns nothing; choices at random |
"""

from collections.abc import Callable

import numpy as np
import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from isptune.arrays import Losses
from isptune.errors import ConfigError
from isptune.optimizers.isolation import PrivateRandomness
from isptune.optimizers.losses import check_told, failed
from isptune.optimizers.refusals import refuse_choices, refuse_several, refuse_sizes
from isptune.space import Candidate, Choice, Integer, Param, Space

MakeSampler = Callable[[int, int], BaseSampler]

SAMPLERS: dict[str, MakeSampler] = {
    "TPE": lambda population, seed: optuna.samplers.TPESampler(
        n_startup_trials=max(10, population), multivariate=True, constant_liar=True, seed=seed
    ),
    "CMA-ES": lambda population, seed: optuna.samplers.CmaEsSampler(
        popsize=max(5, population), with_margin=True, seed=seed, warn_independent_sampling=False
    ),
    "NSGA-II": lambda population, seed: optuna.samplers.NSGAIISampler(
        population_size=max(2, population), seed=seed
    ),
    "NSGA-III": lambda population, seed: optuna.samplers.NSGAIIISampler(
        population_size=max(2, population), seed=seed
    ),
    "GP": lambda population, seed: optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False),
    "QMC": lambda population, seed: optuna.samplers.QMCSampler(
        scramble=True, seed=seed, warn_independent_sampling=False
    ),
}
FOR_SEVERAL = ("NSGA-II", "NSGA-III")
TAKE_UP = ("TPE", "NSGA-II")
"""What these propose follows from the trials so far, and from a seed of each generation: trials of a log are taken as
they are, where to ask for all of them again would take as long as the square of their number."""


class OptunaSearch:
    """A study in memory, asked for whole populations. The first candidate is the default.

    A failed trial is told as failed. Recommended is the best candidate seen (under noise, the luckiest): the
    samplers have no estimate of their own. With several objectives it is the candidate of the front with the
    smallest sum of losses, each scaled to [0, 1] over the front.
    """

    def __init__(
        self,
        space: Space,
        sampler: MakeSampler,
        population: int,
        seed: int,
        objectives: int,
        takes_up: bool = False,
    ):
        self._make, self._seed, self._takes_up = sampler, seed, takes_up
        self._generation = self._of_family = self._in_family = (
            0  # a family is what NSGA-II calls a generation
        )
        self._taken = False
        self.stop_reason: str | None = None
        self._space, self._population, self._objectives = space, population, objectives
        self._randomness = PrivateRandomness(seed)
        self._distributions = {param.name: _distribution(param) for param in space}
        self._asked: list[Candidate] | None = None
        self._trials: list[Trial] = []
        with self._randomness.lent(), _silence():
            self._study = optuna.create_study(
                sampler=sampler(population, seed), directions=[StudyDirection.MINIMIZE] * objectives
            )

    def ask(self) -> list[Candidate]:
        """The next population."""
        with self._randomness.lent(), _silence():
            if self._generation == 0:
                self._study.enqueue_trial(self._space.default)
            self._begin_generation()
            self._trials = [self._study.ask(self._distributions) for _ in range(self._population)]
        self._asked = [self._decode(trial.params) for trial in self._trials]
        return [dict(candidate) for candidate in self._asked]

    def take_up(self, population: list[Candidate]) -> bool:
        """Go on as if this population of a log had been asked for; False where it has to be."""
        if not self._takes_up:
            return False
        self._generation += 1
        self._asked, self._taken = [self._space.check(candidate) for candidate in population], True
        return True

    def _begin_generation(self) -> None:
        if self._takes_up:
            seed = int(np.random.SeedSequence([self._seed, self._generation]).generate_state(1)[0])
            self._study.sampler = self._make(self._population, seed)
        self._generation += 1

    def tell(self, population: list[Candidate], losses: Losses) -> None:
        """Pass the losses on. Raises ConfigError if this is not the population last asked for."""
        check_told(self._asked, population, losses)
        if losses.shape[1] != self._objectives:
            raise ConfigError(
                f"losses of {losses.shape[1]} objectives for an optimizer of {self._objectives}"
            )
        self._asked = None
        if self._taken:
            self._add(population, losses)
            return
        with self._randomness.lent(), _silence():
            for trial, row, lost in zip(self._trials, losses.tolist(), failed(losses), strict=True):
                if lost:
                    self._study.tell(trial, state=TrialState.FAIL)
                else:
                    self._study.tell(trial, row)

    def _add(self, population: list[Candidate], losses: Losses) -> None:
        """Add trials that are over, as asking for them and telling their losses would have left them."""
        self._taken = False
        lost_ones = failed(losses)
        # The very first trial was put in, not sampled: to NSGA-II it is of no family.
        sampled = np.arange(len(population)) >= (self._generation == 1)
        with self._randomness.lent(), _silence():
            marks = self._family(int((sampled & ~lost_ones).sum()))
            self._study.add_trials(
                create_trial(
                    state=TrialState.FAIL if lost else TrialState.COMPLETE,
                    values=None if lost else row,
                    params=candidate,
                    distributions=self._distributions,
                    system_attrs=marks if marked else {},
                )
                for candidate, row, lost, marked in zip(
                    population, losses.tolist(), lost_ones, sampled, strict=True
                )
            )
            self._study._thread_local.cached_all_trials = None  # which only ask() renews

    def _family(self, worked: int) -> dict[str, int]:
        """What NSGA-II notes at its trials: parents are chosen once as many as a population have worked."""
        sampler = self._study.sampler
        if not isinstance(sampler, optuna.samplers.NSGAIISampler):
            return {}
        if self._in_family >= (sampler.population_size or 0):
            self._of_family, self._in_family = self._of_family + 1, 0
        sampler.get_parent_population(self._study, self._of_family)  # keeps them, each from those before
        self._in_family += worked
        return {sampler._get_generation_key(): self._of_family}

    def recommend(self) -> Candidate:
        """The best seen, or the front's most balanced candidate; the default before there is one."""
        front = self._best()
        if not front:
            return self._space.default
        losses = np.array([trial.values for trial in front], dtype=np.float64)
        losses = np.clip(losses, -1e300, 1e300)  # an infinite loss has no place on a scale
        low, high = losses.min(axis=0), losses.max(axis=0)
        scaled = (losses - low) / np.where(high > low, high - low, 1.0)
        return self._decode(front[int(np.argmin(scaled.sum(axis=1)))].params)

    def front(self) -> list[Candidate]:
        """The candidates that no other one dominates, in the order in which they were tried."""
        return [self._decode(trial.params) for trial in self._best()]

    def _best(self) -> list[FrozenTrial]:
        if not any(t.state == TrialState.COMPLETE for t in self._study.get_trials(deepcopy=False)):
            return []
        return self._study.best_trials if self._objectives > 1 else [self._study.best_trial]

    def _decode(self, params: dict[str, float | int | str]) -> Candidate:
        # Optuna may leave a logarithmic range by a rounding error.
        clipped = {
            param.name: params[param.name]
            if isinstance(param, Choice)
            else min(max(params[param.name], param.low), param.high)
            for param in self._space
        }
        return self._space.check(clipped)


def build(
    argument: str | None, space: Space, *, population: int, seed: int, budget: int, objectives: int = 1
) -> OptunaSearch:
    """Build the sampler of that name, in capitals or not; TPE if there is none.

    Raises:
        ConfigError: no such sampler, CMA-ES with choices (it would draw them at random), or several objectives
            for one that is not NSGA-II or NSGA-III.
    """
    names = {name.casefold(): name for name in SAMPLERS}
    name = names.get((argument or "TPE").casefold())
    if name is None:
        raise ConfigError(
            f"the optimizer 'optuna' has no sampler {argument!r}; there are: {', '.join(SAMPLERS)}"
        )
    if name not in FOR_SEVERAL:
        refuse_several(f"optuna:{name}", objectives)
    if name == "CMA-ES":
        refuse_choices("optuna:CMA-ES", space)
    refuse_sizes(space, population, budget)
    return OptunaSearch(space, SAMPLERS[name], population, seed, objectives, name in TAKE_UP)


def _distribution(param: Param) -> BaseDistribution:
    if isinstance(param, Choice):
        return CategoricalDistribution(param.options)
    if isinstance(param, Integer):
        return IntDistribution(param.low, param.high, log=param.log)
    return FloatDistribution(param.low, param.high, log=param.log)


class _silence:  # noqa: N801 - used like a function
    """Keeps Optuna's log lines below errors for the time of a call, whatever level the program has set."""

    def __enter__(self) -> None:
        self._level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.ERROR)

    def __exit__(self, *_: object) -> None:
        optuna.logging.set_verbosity(self._level)
