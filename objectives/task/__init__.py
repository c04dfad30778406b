"""An ISP for a machine: how well a task is solved on the pictures that it makes."""
