"""Folders of finished series made by code: what each ISO found is given, and nothing is rendered."""

from dataclasses import replace

from isptune.registry import build
from isptune.runs.answer import Answer, Interval, ScorePair, write_answer
from isptune.runs.description import describe_params
from isptune.runs.facts import BenchRecord, ObjectiveRecord, write_bench
from isptune.runs.files import write_record
from isptune.runs.settings import RunSettings, write_settings
from isptune.system.disk import slug
from isptune.tuning.series import SERIES, SeriesSettings


def write_series(folder, pipeline, found, options=None, tune=("*",), monotone=()):
    """A series of a pipeline.

    Args:
        folder: of the series.
        pipeline, options: as a run's settings have them.
        found: by condition the values that its search found; other params stay.
        tune: patterns of params.
        monotone: see `isptune.tuning.monotone`.
    """
    settings = RunSettings(pipeline=pipeline, pipeline_options=options or {}, tune=tuple(tune))
    space = build("pipeline", pipeline, **settings.pipeline_options).space
    bench = BenchRecord(describe_params(space), objectives=(ObjectiveRecord("ssim", "maximize"),))
    start = space.complete({})
    folder.mkdir(parents=True)
    scenes = dict.fromkeys(found, ("bundled:cat",))
    write_record(folder, SERIES, SeriesSettings(scenes, 0.0, settings, tuple(monotone)))
    before = start
    for name, values in found.items():
        run = folder / slug(name)
        run.mkdir()
        write_settings(run, replace(settings, start=before))
        write_bench(run, bench)
        after = space.complete({**start, **values})
        pair = ScorePair(Interval.of([0.9]), Interval.of([0.8]), Interval.of([0.1]))
        write_answer(run, Answer(params=after, default=before, objectives={"ssim": pair}, distance=0.1))
        before = after
    return folder
