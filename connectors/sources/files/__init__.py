"""Files of any source: a person's export or a platform's daily files, described by one YAML.

`mapping` reads the YAML, `discovery` finds the offered files, `readers` turn each into records,
`load` lands them in bronze exactly once. Nothing here knows a particular source.
"""
