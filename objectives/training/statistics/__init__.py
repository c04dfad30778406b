"""Fitting the parameters of NIQE and BRISQUE."""
