"""Q-Align: five level words and a language model."""
