"""What the votes of a study say."""
