"""What stands behind `gossamer.compat.share`, which itself has no room for names."""
