"""A kitchen that takes orders, as in pyvent's README: it says nothing about staying alive."""

import pyvent


@pyvent.connect("order-food")
def order(food, drink="water"):
    print(f"You ordered {food} and {drink}!")


print("open")
