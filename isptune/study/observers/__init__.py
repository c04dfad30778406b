"""Observers that are no people: simulations, and judges."""
