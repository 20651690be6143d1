"""Who must approve a decision, within what time, and by which way they do."""
