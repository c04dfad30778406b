"""Data sets of spoilt photographs with questions and answers, as DepictQA-Wild's were made.

`recipes` draws what is done to a photograph, `pairs` which two pictures are compared and which is better, `wording`
asks and answers, `making` writes the folder, `statistics` counts it. `isptune dataset make` is the command.
"""
