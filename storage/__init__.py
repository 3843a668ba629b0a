"""How rows get into our own database in bulk. Imports Django alone; every room above may use it."""
