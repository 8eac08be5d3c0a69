"""Messages of a unit: written, sent, stopped, corrected, sent again."""
