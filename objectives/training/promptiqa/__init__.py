"""Training the compact PromptIQA."""
