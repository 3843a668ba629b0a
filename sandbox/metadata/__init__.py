"""Tables, columns and relationships: facts of the public table reference, in a notation of our own."""
