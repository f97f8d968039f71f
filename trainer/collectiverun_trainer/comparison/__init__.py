"""Several finished runs side by side: what they reached, how sure that is, and what differs between them.

`reading.py` takes what opened runs hold; all else is functions from that to numbers, to the typed document of
a comparison, and to one HTML page.
"""
