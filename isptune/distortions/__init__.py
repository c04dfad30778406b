"""The distortion catalogue: one file a group, batched, one level per image."""
