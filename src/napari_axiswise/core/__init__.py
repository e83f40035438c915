"""Components, events, kinds and errors: words that everything else is written in."""
