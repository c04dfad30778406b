"""What a run leaves on disk: each record a type, written and read in one place."""
