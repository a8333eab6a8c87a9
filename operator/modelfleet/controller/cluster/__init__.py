"""The only room that talks to the API server; dicts go in and dicts come out."""
