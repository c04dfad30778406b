"""What a pipeline starts from: raw captures and photographs, and reading and writing pictures."""
