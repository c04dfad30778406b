"""A hook of mkdocs: what stands beside the code belongs to the site, too.

The pages of `docs/` point at the figures of `experiments/` and at the cards of weights, by paths that hold in a
checkout (`../experiments/raw/README.md`). Here those files become pages of the site, and the paths lose their `../`.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent
EVIDENCE = (
    "experiments/**/*.md",
    "experiments/**/*.csv",
    "experiments/**/*.jpg",
    "experiments/**/*.png",
    "experiments/**/*.toml",
    "objectives/weights/*.md",
    "benchmarks/*.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of `EVIDENCE` under their own paths."""
    for pattern in EVIDENCE:
        for path in sorted(ROOT.glob(pattern)):
            files.append(File.generated(config, path.relative_to(ROOT).as_posix(), abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Of a page of `docs/`, point at what was added; of what was added, at the pages of `docs/`."""
    if page.file.generated_by:
        return re.sub(r"\]\(docs/", "](", markdown)
    return re.sub(r"\]\(\.\./", "](", markdown)
