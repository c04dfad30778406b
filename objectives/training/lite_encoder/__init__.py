"""Training of the encoder `lite`."""
