"""Commands: `giving` them and waiting a moment, `settling` them when registry has answered, `reading` and undoing."""
