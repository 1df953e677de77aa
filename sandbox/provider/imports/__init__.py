"""Asynchronous contact imports: where the rows come from, the processes, the work."""
