"""Parsing with kreuzberg, in a child process that can be killed."""
