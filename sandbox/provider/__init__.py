"""A simulated Brevo: a real HTTP server written from the provider's published contracts."""
