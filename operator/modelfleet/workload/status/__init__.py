"""What is observed of a fleet → its conditions and counts."""
