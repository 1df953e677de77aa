"""The demo: thirty days of two simulated shops against the product, on a clock that is stepped."""
