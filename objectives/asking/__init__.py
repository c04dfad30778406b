"""Questions about pictures, and how their answers become preferences."""
