"""What is known of a user, as context for an application's model."""
