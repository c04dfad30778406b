"""What a run recommends as the files that it can be exported to, loaded by the program that they are for.

The picture that was chosen and the one that the file gives may differ: where a program was given a copy of a part of a
file, where a format rounds, where what is tuned has no place in it.
"""

from isptune.arrays import Images
from isptune.errors import in_words
from isptune.interfaces import RendersParameterFiles, WritesParameterFiles
from isptune.runs.answer import ExportedFile
from isptune.scenes.scene import Scene
from isptune.space import Candidate
from isptune.tuning.bench import Bench


def compare_exports(bench: Bench, recommended: Candidate) -> tuple[ExportedFile, ...]:
    """Each of the pipeline's formats on each scene; nothing where it does not load its own files."""
    pipeline = bench.pipeline
    if not (isinstance(pipeline, WritesParameterFiles) and isinstance(pipeline, RendersParameterFiles)):
        return ()
    found = []
    for file_format in pipeline.facts.file_formats:
        for scene in bench.evaluator.scenes:
            try:
                chosen = bench.evaluator.render_one(recommended, scene, bench.seeds.to_confirm()[0])
                data = pipeline.parameter_file(file_format, recommended, None)
                loaded = pipeline.render_file(file_format, data, scene)
            except Exception as error:  # a plug-in may raise anything, and it costs one comparison
                found.append(ExportedFile(file_format, scene.name, error=in_words(error)))
            else:
                found.append(_compared(file_format, scene, chosen, loaded.to(chosen.device)))
    return tuple(found)


def _compared(file_format: str, scene: Scene, chosen: Images, loaded: Images) -> ExportedFile:
    difference = (chosen - loaded).abs() * 255
    return ExportedFile(file_format, scene.name, float(difference.mean()), float(difference.max()))
