"""What REST takes and gives, noun by noun: the contract's field names, read off frozen domain values.

Where REST tells all of a domain value, routes name its class itself: a new field there is a new field of REST.
"""
