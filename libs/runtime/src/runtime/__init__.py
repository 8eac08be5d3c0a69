"""What every service needs to live."""
