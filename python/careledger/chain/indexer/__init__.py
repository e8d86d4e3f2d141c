"""The indexer: the suite's events as typed tables, read models on them, and a read API, in SQLite or PostgreSQL."""
