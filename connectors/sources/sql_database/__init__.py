"""Tables and views of any database that SQLAlchemy knows: tills, ERPs, distributors' orders."""
