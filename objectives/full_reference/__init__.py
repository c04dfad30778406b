"""Objectives that compare with the perfect picture."""
