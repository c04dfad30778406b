"""Plain Python functions as pipelines and objectives, and files of one's own that hold some."""
