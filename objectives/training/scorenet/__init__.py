"""Training soft prompts."""
