"""Two captures of one static scene: laid over each other, of one brightness, and what moved left out."""
