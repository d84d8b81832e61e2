"""Use cases. They see the network only through ports.py."""
