"""What is checked without running the library's tests: parity of the editions, style, terms, stored outputs."""
