"""What a picture's file holds and says of its own pixels: read, or refused with the reason."""
