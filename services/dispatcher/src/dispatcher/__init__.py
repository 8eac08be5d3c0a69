"""The dispatchers: SMTP out, paced per carrier."""
