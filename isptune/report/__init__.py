"""A run or a comparison as one HTML file with plots, and as plain text. Reads run folders, nothing else."""
