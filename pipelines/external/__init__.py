"""Programs and boards as pipelines."""
