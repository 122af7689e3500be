"""Side-by-side benchmarks: each prints ratios from one run, never a lone absolute."""
