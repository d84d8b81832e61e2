"""Pure rules and frozen dataclasses: no IO, no clock, no framework."""
