"""PromptIQA: scores after the taste of a few rated pictures."""
