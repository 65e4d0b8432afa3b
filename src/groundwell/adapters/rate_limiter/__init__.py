"""What counts requests."""
