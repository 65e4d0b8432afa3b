"""Finding out how good the answers are."""
