"""One optimisation from its settings to what it hands over."""
