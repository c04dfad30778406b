"""The stages of the raw ISP: short functions on batches, each image with its own parameter values."""
