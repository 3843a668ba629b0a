"""The records that coupling failed with: which still stand, what is known of them, and ignoring them."""
