"""One module a target: delivers a decision and returns the target's receipt."""
