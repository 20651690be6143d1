"""Rules, the decision ledger and its outbox: from a published snapshot to a receipted action."""
