"""One module per kind of child, each with one function from a plan to the object."""
