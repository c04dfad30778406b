"""Votes on tone mapping and what pwcmp published for them: two scenes of its third example.

Source: mantiuk/pwcmp (MIT), examples, ex3_tmo_cmp: Eilertsen, Wanat, Mantiuk and Unger 2013, Evaluation of Tone Mapping
Operators for HDR-Video. `WINS[scene][i][j]` is how often condition i was preferred to j; `JOD_BOUNDED[scene]` is the
scale that they keep beside it, made with their former prior; `JOD[scene]` is the maximum of their function with their
present one, `gaussian`, found without slopes (Nelder and Mead) on a transcription that sums pair by pair.
"""

CONDITIONS = ("ferwerda96", "hateren06", "irawan05", "mantiuk08", "pattanaik00", "ronan12", "tmo_camera")
WINS = {
    "corridor": [
        [0, 13, 7, 3, 10, 7, 1],
        [1, 0, 2, 1, 3, 3, 0],
        [8, 7, 0, 3, 11, 10, 7],
        [10, 6, 5, 0, 8, 7, 5],
        [2, 11, 1, 1, 0, 6, 0],
        [7, 10, 4, 3, 10, 0, 1],
        [15, 8, 9, 9, 10, 11, 0],
    ],
    "exhibition": [
        [0, 10, 0, 3, 10, 6, 1],
        [1, 0, 0, 1, 1, 0, 1],
        [10, 6, 0, 13, 9, 11, 10],
        [9, 10, 0, 0, 11, 9, 10],
        [5, 13, 0, 1, 0, 5, 5],
        [7, 13, 1, 5, 7, 0, 4],
        [9, 11, 0, 4, 8, 6, 0],
    ],
}
JOD_BOUNDED = {
    "corridor": [0.01523, -1.57542, 0.5497, 0.81945, -0.97673, -0.29002, 1.45651],
    "exhibition": [-0.48546, -2.41983, 3.05211, 0.57657, -0.71733, -0.07279, 0.0656],
}
JOD = {
    "corridor": [0.0141, -1.5161, 0.5351, 0.7918, -0.9463, -0.2812, 1.4027],
    "exhibition": [-0.4116, -2.3341, 2.7211, 0.5795, -0.6324, -0.0305, 0.1079],
}
