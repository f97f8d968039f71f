"""The report of a run: figures and tables made of plain data that other modules measured.

All but `measurements.py`, which plays what is not measured yet, is functions from data to text or bytes: a
summary, plots as SVG, one HTML page, and TensorBoard records. They must never step an environment, load a
network, open storage, write a file or read the clock; `reading.py` takes what opened artifacts hold.
"""
