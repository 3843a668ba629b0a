"""Pages about people: their roles in companies, who gave them, their own passwords."""
