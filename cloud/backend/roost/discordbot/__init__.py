"""Discord: the real client library driven from the durable inbox."""
