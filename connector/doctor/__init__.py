"""``connector doctor``: is everything well with this installation and its shops, in plain words with what to do."""
