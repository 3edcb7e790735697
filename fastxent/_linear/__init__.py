"""Losses of a linear layer, whose logits are made and used up in parts; functions.py has those that are public."""
