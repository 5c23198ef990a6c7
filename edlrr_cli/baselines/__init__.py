"""The methods that ours is compared with: one paper a file, one table of them all (`registry`)."""
