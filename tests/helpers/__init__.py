"""What several tests share; pytest finds the modules here by their bare names."""
