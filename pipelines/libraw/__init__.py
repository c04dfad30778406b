"""LibRaw as a pipeline."""
