"""CLIP in the layouts in which it is published."""
