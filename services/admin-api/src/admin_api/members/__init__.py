"""Members and posters of a unit, as registry tells of them: by number, never by address."""
