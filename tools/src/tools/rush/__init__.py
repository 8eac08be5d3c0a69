"""The rush: a whole town answers, asks and registers within minutes while a message goes out to everybody."""
