"""One module a command; heavy imports stay inside the functions, so that `--help` is quick."""
