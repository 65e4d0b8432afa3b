"""What the server is set to."""
