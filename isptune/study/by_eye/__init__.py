"""Tuning by votes instead of a metric."""
