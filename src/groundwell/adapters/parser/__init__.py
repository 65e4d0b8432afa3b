"""Parsers: files into text."""
