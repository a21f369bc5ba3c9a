"""The tasks' inputs: degraded, masked and grey clips."""
