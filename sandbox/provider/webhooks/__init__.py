"""What the provider reports: registrations, which event goes to whom, bodies, batches, deliveries."""
