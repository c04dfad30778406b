"""The version of isptune, and the only place where it stands: metadata, command line and provenance read it here."""

__version__ = "0.2.0.dev0"
