"""A randomised soak of replication, fencing and handover: `scripts/soak`."""
