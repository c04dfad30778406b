"""Data sets of spoilt photographs with questions and answers."""
