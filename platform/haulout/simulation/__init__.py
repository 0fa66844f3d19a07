"""A virtual walrus haulout and simulated people, so that the whole loop can be shown and tested without real data."""
