"""RawTherapee as a pipeline."""
