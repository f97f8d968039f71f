"""The report of a run: figures and tables made of plain data that other modules measured.

Everything here is a function from data to text or bytes: a summary, figures as SVG, one HTML page, and
TensorBoard records. Nothing here may step an environment, load a network, open storage, write a file or read
the clock: `phases/evaluation.py` measures, `reading.py` takes what opened artifacts hold, the rest shows it.
"""
