"""The engine at work: an event loop that lets the scheduler's time pass in real time."""
