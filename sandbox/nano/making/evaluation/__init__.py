"""How often nano does the tasks, and how often it points right."""
