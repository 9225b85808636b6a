"""What a language model is asked, and what its answer means: prompts, price ladders, observations and plans.

Pure: builds requests of what an agent sees, and reads answers. Knows no connection and no store. Each question has a
file with its view, ``observe(view, key, bucket=..., order=..., notes=...)`` -> (observation, handles) and
``read(values, view, handles)`` -> plan, or None where the answer cannot be done now.
"""
