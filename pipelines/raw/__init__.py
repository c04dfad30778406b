"""An ISP in torch, from the mosaic to JPEG."""
