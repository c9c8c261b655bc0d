"""A farm of machines behind the simulator's protocol: Dask carries designs there and back."""
