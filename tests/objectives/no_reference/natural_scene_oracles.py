"""NIQE and BRISQUE once more, in float64 NumPy and SciPy, one image and one block at a time, by the papers."""

import numpy as np
from scipy.ndimage import correlate
from scipy.special import gamma

GRID = np.arange(0.2, 10.0005, 0.001)
RATIOS = gamma(2 / GRID) ** 2 / (gamma(1 / GRID) * gamma(3 / GRID))
SHIFTS = ((0, 1), (1, 0), (1, 1), (1, -1))


def gray_levels(image):
    """[3, H, W] in [0, 1] to whole levels of luma."""
    levels = np.rint(image * 255)
    return np.rint(np.tensordot([0.298936, 0.587043, 0.114021], levels, 1))


def mscn(gray, mode):
    offsets = np.arange(-3, 4)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    mean = correlate(gray, window, mode=mode)
    deviation = np.sqrt(np.abs(correlate(gray * gray, window, mode=mode) - mean * mean))
    return (gray - mean) / (deviation + 1)


def ggd(x):
    ratio = np.mean(np.abs(x)) ** 2 / np.mean(x * x)
    return GRID[np.argmin((RATIOS - ratio) ** 2)], np.sqrt(np.mean(x * x))


def aggd(x):
    left, right = np.sqrt(np.mean(x[x < 0] ** 2)), np.sqrt(np.mean(x[x > 0] ** 2))
    skew = left / right
    ratio = np.mean(np.abs(x)) ** 2 / np.mean(x * x)
    ratio *= (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2
    return GRID[np.argmin((RATIOS - ratio) ** 2)], left, right


def cubic_half_matrix(length):
    """Matlab's imresize by one half along one side, as a matrix: stretched cubic, mirrored, rows of sum 1."""

    def cubic(t):
        t = np.abs(t)
        near, far = 1.5 * t**3 - 2.5 * t**2 + 1, -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2
        return np.where(t <= 1, near, np.where(t <= 2, far, 0))

    matrix = np.zeros(((length + 1) // 2, length))
    mirrored = np.concatenate([np.arange(length), np.arange(length)[::-1]])
    for row in range(len(matrix)):
        centre = 2 * row + 0.5
        for place in range(int(centre) - 5, int(centre) + 7):
            matrix[row, mirrored[place % (2 * length)]] += cubic((place - centre) / 2)
    return matrix / matrix.sum(1, keepdims=True)


def half(gray):
    return cubic_half_matrix(gray.shape[0]) @ gray @ cubic_half_matrix(gray.shape[1]).T


def brisque_features(image):
    features, gray = [], gray_levels(image)
    for _ in range(2):
        x = mscn(gray, "constant")
        shape, deviation = ggd(x)
        features += [shape, deviation**2]
        for shift in SHIFTS:
            a, left, right = aggd(x * np.roll(x, shift, (0, 1)))
            mean = (right - left) * gamma(2 / a) / gamma(1 / a) * np.sqrt(gamma(1 / a) / gamma(3 / a))
            features += [a, mean, left**2, right**2]
        gray = half(gray)
    return np.array(features)


def niqe(image, mean, covariance):
    gray = gray_levels(image)
    rows, columns = gray.shape[0] // 96, gray.shape[1] // 96
    gray = gray[: rows * 96, : columns * 96]
    scales = []
    for side in (96, 48):
        x = mscn(gray, "nearest")
        blocks = [
            x[r * side : (r + 1) * side, c * side : (c + 1) * side]
            for r in range(rows)
            for c in range(columns)
        ]
        scales.append(np.array([niqe_block(block) for block in blocks]))
        gray = half(gray)
    features = np.concatenate(scales, 1)
    difference = mean - features.mean(0)
    inverse = np.linalg.pinv((covariance + np.cov(features, rowvar=False)) / 2)
    return np.sqrt(difference @ inverse @ difference)


def niqe_block(x):
    a, left, right = aggd(x)
    features = [a, (left + right) / 2 * np.sqrt(gamma(1 / a) / gamma(3 / a))]
    for shift in SHIFTS:
        a, left, right = aggd(x * np.roll(x, shift, (0, 1)))
        left, right = (side * np.sqrt(gamma(1 / a) / gamma(3 / a)) for side in (left, right))
        features += [a, (right - left) * gamma(2 / a) / gamma(1 / a), left, right]
    return features
