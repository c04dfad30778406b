"""The run-time type checker that tests install over the whole project."""

from beartype import BeartypeConf, beartype

# A float parameter may be given an int, as type checkers allow it.
typechecked = beartype(conf=BeartypeConf(is_pep484_tower=True))
