"""What Greffier does, timed beside the same done by something barer, in turns: `python -m tests.bench`.

A row is a function that takes a fresh folder and a size and gives one pair of durations; `measurements` lists them.
"""
