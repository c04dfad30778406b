"""Votes as they come, and the file that keeps them."""
