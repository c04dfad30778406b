"""What a study asks, of whom, in what order."""
