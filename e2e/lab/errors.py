"""The one error that people see."""


class LabError(Exception):
    """The lab cannot do what was asked; the message says what must hold, what was found and what to do."""
