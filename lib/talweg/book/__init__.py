"""What belongs to one chapter alone, a folder each: see `talweg.chapters`. No chapter imports another."""
