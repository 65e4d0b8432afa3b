"""Whether the server is alive and can do its work."""
