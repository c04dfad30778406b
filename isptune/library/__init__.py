"""The Python door, and what it shares with the command line: one run from its settings to its report."""
