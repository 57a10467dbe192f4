"""Files of strangers by the thousand: good ones, spoilt at random, given to what reads them. ``make fuzz``.

Every case has a name and a number, and is the same wherever it is made. What fails is kept in ``found``, and the tests
read it again.
"""
