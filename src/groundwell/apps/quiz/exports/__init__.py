"""Sets of questions as files for other programs, one module for each format."""
