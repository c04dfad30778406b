"""Training the compact DepictQA."""
