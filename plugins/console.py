"""Print events."""
