"""The pure core: values in, values out. Imports the standard library and marshmallow, nothing else.

Time is an argument (`now`), chance is a hash, facts are plain data that somebody else has loaded.
"""
