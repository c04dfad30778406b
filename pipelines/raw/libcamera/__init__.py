"""The raw ISP's sets as tuning files of libcamera."""
