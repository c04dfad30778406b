"""What the trainings look at: photographs, spoilings, captions."""
