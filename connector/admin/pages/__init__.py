"""One module per group of pages; each adds its routes to the frame's blueprint."""
