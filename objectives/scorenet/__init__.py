"""ScoreNet: soft prompts from lightweight metrics and the image."""
