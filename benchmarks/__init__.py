"""Speed, memory and quality figures: each a ratio, measured against its reference in one run."""
