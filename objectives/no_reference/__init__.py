"""Objectives from the statistics of a picture alone."""
