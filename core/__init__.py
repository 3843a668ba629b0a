"""How rows get into our own database in bulk, and by which ids. Imports Django alone; every room above may use it."""
