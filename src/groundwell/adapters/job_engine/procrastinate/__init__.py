"""Jobs in Postgres through procrastinate."""
