"""What the engine's speed is measured with: streams of commands, books to compare with, the measuring itself.

Lies beside the package and travels in its wheel as `wattbook.benchmarks`, so `wattbook bench` finds it in both places.
"""
