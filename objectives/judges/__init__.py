"""Judges behind a server or in transformers."""
