"""Scores from encoders and classifiers that were trained for something else."""
