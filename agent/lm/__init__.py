"""The language model: it reads a function and writes pipelines for it.

encoding.py   IR as compact text, and back
"""
