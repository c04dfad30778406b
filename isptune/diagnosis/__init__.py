"""What is wrong with a picture, as data and in words."""
