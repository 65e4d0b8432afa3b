"""Documents, uploads and collections."""
