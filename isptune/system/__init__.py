"""Disk, processes, threads, HTTP: what lies between isptune and the machine."""
