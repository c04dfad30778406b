"""Image-text encoders, the bundled one and published ones."""
