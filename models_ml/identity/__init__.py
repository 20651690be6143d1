"""Identity resolution: which accounts are one person, which transactions are one payment."""
