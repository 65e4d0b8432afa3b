"""Embedders: a package for the model in this process, a file for the wire protocol."""
