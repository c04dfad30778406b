"""DepictQA: what is wrong with a picture, and which of two is better."""
