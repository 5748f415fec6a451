"""The parts of a refresh: production's data, chosen, read gently, and brought beside."""
