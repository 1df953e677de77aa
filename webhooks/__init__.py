"""Things that arrive: verified, stored byte for byte, acknowledged; later made into events of the log."""
