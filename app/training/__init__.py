"""What a runtime's interpreter runs: training, evaluating, serving and merging, for any backend."""
