"""``python -m wattbook`` is the command ``wattbook``."""

from wattbook.cli import program

if __name__ == "__main__":
    program()
