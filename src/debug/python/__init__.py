"""Reads tensors in a program that a debugger has stopped, without changing that program.

The files run inside the debuggee as package `_nanoscope`, loaded in the order health, reach, detail, entry. They need
the standard library only; torch, numpy, jax and tensorflow are used where the program has imported them itself.
"""
