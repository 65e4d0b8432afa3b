"""Users of a tenant, their roles and tiers."""
