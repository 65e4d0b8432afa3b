"""What is held of users and tenants: taking it away, and taking it out."""
