"""What can be run to see Fairlead at work; nothing in here is installed with it."""
