"""The postmen: SMTP out, paced per carrier."""
