"""What a tenant holds, and what its users may do."""
