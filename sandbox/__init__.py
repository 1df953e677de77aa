"""A simulated store and a simulated sender, as real HTTP servers, written from the platforms' contracts.

Nothing here imports the product: an error of ours must not be mirrored by what tests us.
"""
