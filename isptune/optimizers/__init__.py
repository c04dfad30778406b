"""Optimizers: each proposes populations of candidates and learns from their losses.

All are deterministic from their seed, and none reads or leaves a trace in a library's global random state,
so that a hundred of them may be driven in lockstep in one process (from one thread).
"""

from isptune.space import Space


def default_for(space: Space, objectives: int = 1) -> str:
    """The spec of the optimizer that suits this space and number of objectives.

    Several objectives need a Pareto front; choices need an optimizer that learns which option is good;
    else CMA-ES, which `benchmarks/README.md` supports.
    """
    if objectives > 1:
        return "optuna:NSGA-II"
    return "catcma" if space.choices else "cma"
