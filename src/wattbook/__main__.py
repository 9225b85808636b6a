"""``python -m wattbook`` is the command ``wattbook``."""

from wattbook.cli import main

if __name__ == "__main__":
    main()
