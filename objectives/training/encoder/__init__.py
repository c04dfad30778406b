"""Training the bundled encoder."""
