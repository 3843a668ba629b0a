"""Parser of addresses and query options; as strict as the service is."""
