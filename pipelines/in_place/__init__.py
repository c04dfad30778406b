"""Text files edited in place: values are found where they stand and replaced, and every other byte is kept."""
