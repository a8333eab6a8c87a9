"""What every help page ends with: examples and exit codes."""

FOUND = "1 when something was found"


def epilog(*examples: str, found: str = FOUND) -> str:
    """Return the end of a help page."""
    lines = "\n".join(f"  {example}" for example in examples)
    # a backspace keeps click from wrapping the lines that follow it
    return f"\b\nExample:\n{lines}\n\nExit codes: 0 when all is well, {found}, 2 when the command was not understood."
