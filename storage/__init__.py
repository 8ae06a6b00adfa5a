"""Tables, their queries, migrations, and the keys that are kept outside the database."""
