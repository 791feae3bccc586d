"""The disk: where realizations appear whole, never change, and can be found again."""
