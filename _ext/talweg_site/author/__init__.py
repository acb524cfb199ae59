"""What authors run: notebooks made and executed, code copied between editions, the lock, the title picture."""
