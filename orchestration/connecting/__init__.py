"""Commands around connectors: what is configured, whether it works, a new one."""
