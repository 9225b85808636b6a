"""What a language model is asked, and what its answer means: prompts, price ladders, observations and plans.

Pure: builds requests of what an agent sees, and reads answers. Knows no connection and no store.
"""
