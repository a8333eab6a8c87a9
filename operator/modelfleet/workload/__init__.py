"""From a ModelDeployment to the objects that serve it, without touching the world."""
