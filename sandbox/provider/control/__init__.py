"""The control API under /_control/, for tests and demo drivers on the same machine. See README.md."""
