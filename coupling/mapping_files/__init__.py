"""Mappings as a file: YAML to typed entries and back, and what would change. No Django, nothing is stored here."""
