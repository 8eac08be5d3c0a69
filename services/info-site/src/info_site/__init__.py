"""The info site: each unit's board as a public page for phones, and unsubscribing with one click."""
