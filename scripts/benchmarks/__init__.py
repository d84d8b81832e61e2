"""What Roost costs and how fast it is, measured on the real process. `scripts/bench` runs them."""
