"""Contract tests for plug-ins: call these from your own tests.

    from isptune.testing import check_objective
    from my_package import build

    def test_my_objective_keeps_the_contract():
        check_objective(build(None), images, scene)

Each raises AssertionError with one sentence that says what was broken.
"""

from isptune.testing.judges import check_judge
from isptune.testing.objectives import check_objective
from isptune.testing.optimizers import check_optimizer
from isptune.testing.pipelines import check_pipeline

__all__ = ["check_judge", "check_objective", "check_optimizer", "check_pipeline"]
