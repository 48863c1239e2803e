"""Each of py-share's README: a signal without data, one with, and the three functions with a name of their own."""

import sys

import share

if sys.argv[1:] == ["ask"]:
    while not share.isready():
        pass
    share.getready()
    share.fred()
    share.fred("I am happy")
    share.send("a name with spaces", "and data")
else:
    share.ready()
    moods = 0
    while moods < 2:
        if share.isfred():
            mood = share.getfred()
            print("mood:", mood)
            moods += 1
    share.check("a name with spaces", wait=True)
    print(share.get("a name with spaces"), share.get("a name with spaces"))
