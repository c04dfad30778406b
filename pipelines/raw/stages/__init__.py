"""What each stage of the raw ISP does to a batch."""
