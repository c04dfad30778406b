"""People compare images in pairs: which pairs are asked, what they answer, and what the answers say."""
