"""What a cluster of any size needs: a model, its constants, and runs that check it: `python -m benchmarks.scale`."""
