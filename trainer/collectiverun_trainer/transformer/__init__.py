"""The trajectory transformer: windows of experience in, task embeddings out.

This package must never let a task's or a robot's name reach the encoder, nor normalise inputs per task.
"""
