"""From votes to scores with intervals."""
