"""Evaluation: isolated workers, the results cache, and (later) the Gymnasium environments."""
