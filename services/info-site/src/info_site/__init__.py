"""The notice board: public pages for phones."""
