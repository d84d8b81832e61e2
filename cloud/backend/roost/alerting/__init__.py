"""Ways out of the house for alerts."""
