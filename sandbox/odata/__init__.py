"""Reading addresses and query options: a parser of the sandbox's own, strict where the service is."""
