"""What runs inside Sphinx: pages, claims, glossary, search, the site put together."""
