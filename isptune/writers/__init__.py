"""Where a run is written down beside its folder, while it goes on: one file each."""
