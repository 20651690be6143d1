"""The operational database: publications, runs, rules, decisions and their outbox."""
