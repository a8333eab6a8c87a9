"""The engine's scheduler and its time, as pure functions of requests and a clock that is passed in."""
