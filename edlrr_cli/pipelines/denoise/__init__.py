"""Images whose noise is removed."""
