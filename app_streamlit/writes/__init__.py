"""What a person changes from a page, through the rules and decisions API; one function an act."""
