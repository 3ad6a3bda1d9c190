"""What every scan shares: from one spike to the next, and between two."""
