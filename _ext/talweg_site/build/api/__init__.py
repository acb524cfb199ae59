"""The library's reference on the site: one page for each public module, links from the names in cells to it."""
