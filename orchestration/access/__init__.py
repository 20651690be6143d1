"""Who may see and do what: the policy, the viewer it makes of a sign-in, and the log of access."""
