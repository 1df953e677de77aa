"""Text messages: SMS and WhatsApp."""
