"""Units, the tenants, and their groups."""
