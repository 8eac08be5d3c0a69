"""The calendar of a unit: events that anybody may read."""
