"""The rules that ship with Fourflow, one YAML file each; seeded into the operational database."""
