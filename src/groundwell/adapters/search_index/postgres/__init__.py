"""The search index in Postgres."""

from groundwell.adapters.search_index.postgres.index import PostgresSearchIndex

__all__ = ["PostgresSearchIndex"]
