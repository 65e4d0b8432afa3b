"""What keeps answers for a time."""
