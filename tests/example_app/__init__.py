"""An app of a business's own, as docs/own-models.md describes it."""
