"""Sample articles, questions about them, and sentences that calibrate an embedding model."""
