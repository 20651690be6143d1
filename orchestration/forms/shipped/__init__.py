"""The forms that ship with Fourflow, one YAML file each; a folder `forms/` beside adds to them."""
