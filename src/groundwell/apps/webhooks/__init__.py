"""What receivers of webhooks need to know."""
