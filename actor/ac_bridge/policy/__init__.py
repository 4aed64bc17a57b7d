"""Policies that a learner pushes, as ONNX: looked over before anything runs them, tried, then run.

Needs the extra ``policy``, and imports it only when a policy comes.
"""
