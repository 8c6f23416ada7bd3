"""Reports of online meetings, read, matched and planned before anything is asked of the list."""
