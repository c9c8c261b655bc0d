"""Weights in 2, 3 or 4 bits each: code books, packed matrices, and linear layers made of them."""
