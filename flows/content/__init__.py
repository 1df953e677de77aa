"""What a message says: from a merchant's file and a customer's facts to subject, HTML and text.

``source`` reads the file, ``compose`` turns it into templates once, ``render`` fills them for one person,
``check`` says before activation what is wrong with it. ``context`` lists the facts a message may name.
"""
