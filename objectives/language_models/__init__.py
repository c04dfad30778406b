"""Language models that see, as far as scores need them."""
