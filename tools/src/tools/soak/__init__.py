"""Long runs under load, with processes killed at moments that a seed chooses."""
