"""Reports by e-mail: who gets what when, and what it says to exactly that person."""
