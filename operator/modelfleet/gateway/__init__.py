"""The gateway as pure functions: kinds → `ir` → Envoy's resources. It does no I/O and reads no clock."""
