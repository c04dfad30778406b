"""isptune: finds the parameter values at which a camera's image signal processor makes its best pictures."""

__version__ = "0.2.0.dev0"
"""The only place where the version stands: the package's metadata and `isptune --version` read it here."""
