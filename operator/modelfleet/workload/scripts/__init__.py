"""Programs that run inside the engine's container, with nothing but its Python; they are read as text."""
