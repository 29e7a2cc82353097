"""A recorded run again, without a screen."""
