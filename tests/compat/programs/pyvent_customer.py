"""A customer, as in pyvent's README."""

import pyvent

pyvent.send("order-food", food="sushi", drink="sake")
