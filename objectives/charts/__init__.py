"""Test charts: the scene, and the objectives that measure it."""
