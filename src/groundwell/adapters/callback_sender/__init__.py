"""Adapters of the callback sender port."""
