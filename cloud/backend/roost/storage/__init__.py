"""All SQL, and the only users of sqlite3 and SQLAlchemy."""
