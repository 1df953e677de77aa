"""What changes of prices and stock mean to people: price_dropped, back_in_stock and low_stock (ADR 37).

``noticing`` writes down, with the change, that it is worth telling; ``interest`` finds out whom; ``telling`` tells them
in slices, through the event log.
"""
