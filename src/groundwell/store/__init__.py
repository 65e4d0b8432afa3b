"""Postgres itself: the embedded server, the pool, migrations, one module per aggregate."""
