"""One person rates a few pictures: which ones, the folder they lie in, a contact sheet, and a page to rate them on."""
