"""What people take care of: exceptions, whose accounts are one person's, quarantine, sign-offs."""
