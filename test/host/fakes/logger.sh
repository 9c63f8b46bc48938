#!/bin/bash
# A fake of `logger --journald` where no journal runs: writes down what it was given.
[[ $* == --journald ]] || exit 1
cat >>/run/fakes/journal.log
