"""Shipped handlers."""
