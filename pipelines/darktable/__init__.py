"""darktable as a pipeline."""
