"""Full-reference metrics once more: float64 NumPy and SciPy, one image, straight from the papers."""

import numpy as np
from scipy.ndimage import convolve, correlate1d


def luma(image):
    return np.tensordot([0.299, 0.587, 0.114], image, axes=1)


def gaussian(size, sigma):
    x = np.arange(size) - size // 2
    w = np.exp(-(x**2) / (2 * sigma**2))
    return w / w.sum()


def valid(plane, window):
    m = len(window) // 2
    both = correlate1d(correlate1d(plane, window, axis=0), window, axis=1)
    return both[m : plane.shape[0] - m, m : plane.shape[1] - m]


def ssim_and_structure(x, y):
    """Textbook SSIM of one channel, and its second factor."""
    w = gaussian(11, 1.5)
    mx, my = valid(x, w), valid(y, w)
    vx, vy, cov = valid(x * x, w) - mx**2, valid(y * y, w) - my**2, valid(x * y, w) - mx * my
    structure = (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
    full = (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2) * structure
    return full.mean(), structure.mean()


def half(plane):
    plane = np.pad(plane, [(0, n % 2) for n in plane.shape], mode="edge")
    return (plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4


def ms_ssim(image, reference):
    scores = []
    for x, y in zip(image, reference, strict=True):
        product = 1.0
        for scale, weight in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
            full, structure = ssim_and_structure(x, y)
            product *= max(full if scale == 4 else structure, 0) ** weight
            x, y = half(x), half(y)
        scores.append(product)
    return np.mean(scores)


def gmsd(image, reference):
    prewitt = np.array([[1, 0, -1]] * 3) / 3

    def magnitude(picture):
        plane = 255 * luma(picture)
        plane = np.pad(plane, [(0, n % 2) for n in plane.shape])
        plane = half(plane)
        across = convolve(plane, prewitt, mode="constant")
        down = convolve(plane, prewitt.T, mode="constant")
        return np.hypot(across, down)

    a, b = magnitude(image), magnitude(reference)
    return ((2 * a * b + 170) / (a**2 + b**2 + 170)).std()


def vif(image, reference):
    """The authors' vifp_mscale, on [0, 255]."""
    x, y = 255 * luma(image), 255 * luma(reference)
    kept = total = 0.0
    for scale in range(1, 5):
        size = 2 ** (5 - scale) + 1
        w = gaussian(size, size / 5)
        if scale > 1:
            x, y = valid(x, w)[::2, ::2], valid(y, w)[::2, ::2]
        mx, my = valid(x, w), valid(y, w)
        vx = np.maximum(valid(x * x, w) - mx**2, 0)
        vy = np.maximum(valid(y * y, w) - my**2, 0)
        cov = valid(x * y, w) - mx * my
        gain = cov / (vy + 1e-10)
        rest = vx - gain * cov
        gain[vy < 1e-10], rest[vy < 1e-10], vy[vy < 1e-10] = 0, vx[vy < 1e-10], 0
        gain[vx < 1e-10], rest[vx < 1e-10] = 0, 0
        rest[gain < 0], gain[gain < 0] = vx[gain < 0], 0
        rest = np.maximum(rest, 1e-10)
        kept += np.log10(1 + gain**2 * vy / (rest + 2)).sum()
        total += np.log10(1 + vy / 2).sum()
    return kept / total


def phase_congruency(plane):
    """Kovesi's phasecong2 with FSIM's settings, filter by filter."""
    rows, cols = plane.shape

    def axis(n):
        return np.arange(-(n - 1) / 2, n / 2) / (n - 1) if n % 2 else np.arange(-n / 2, n / 2) / n

    fx, fy = np.meshgrid(axis(cols), axis(rows))
    radius = np.fft.ifftshift(np.sqrt(fx**2 + fy**2))
    theta = np.fft.ifftshift(np.arctan2(-fy, fx))
    low = 1 / (1 + (radius / 0.45) ** 30)
    radius[0, 0] = 1
    spectrum = np.fft.fft2(plane)
    energy_all = amplitude_all = 0
    for orientation in range(4):
        angle = orientation * np.pi / 4
        ds = np.sin(theta) * np.cos(angle) - np.cos(theta) * np.sin(angle)
        dc = np.cos(theta) * np.cos(angle) + np.sin(theta) * np.sin(angle)
        spread = np.exp(-(np.abs(np.arctan2(ds, dc)) ** 2) / (2 * (np.pi / 4 / 1.2) ** 2))
        filters, waves = [], []
        for scale in range(4):
            gabor = np.exp(-(np.log(radius * 6 * 2**scale) ** 2) / (2 * np.log(0.55) ** 2)) * low
            gabor[0, 0] = 0
            filters.append(gabor * spread)
            waves.append(np.fft.ifft2(spectrum * filters[-1]))
        total = sum(waves)
        length = np.abs(total) + 1e-4
        me, mo = total.real / length, total.imag / length
        energy = sum(w.real * me + w.imag * mo - np.abs(w.real * mo - w.imag * me) for w in waves)
        impulse = [np.fft.ifft2(f).real * np.sqrt(rows * cols) for f in filters]
        power = np.median(np.abs(waves[0]) ** 2) / np.log(2) / (filters[0] ** 2).sum()
        squares = sum((i**2).sum() for i in impulse)
        crossed = sum((impulse[i] * impulse[j]).sum() for i in range(4) for j in range(i + 1, 4))
        tau = np.sqrt((2 * power * squares + 4 * power * crossed) / 2)
        threshold = (tau * np.sqrt(np.pi / 2) + 2 * np.sqrt((2 - np.pi / 2) * tau**2)) / 1.7
        energy_all = energy_all + np.maximum(energy - threshold, 0)
        amplitude_all = amplitude_all + sum(np.abs(w) for w in waves)
    return energy_all / amplitude_all


def fsim(image, reference, factor):
    """FSIMc of images whose sides the factor divides."""
    scharr = np.array([[3, 0, -3], [10, 0, -10], [3, 0, -3]]) / 16
    matrix = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])

    def parts(picture):
        c, h, w = picture.shape
        small = picture.reshape(c, h // factor, factor, w // factor, factor).mean((2, 4))
        y, i, q = np.tensordot(matrix, 255 * small, axes=1)
        across, down = convolve(y, scharr, mode="constant"), convolve(y, scharr.T, mode="constant")
        return phase_congruency(y), np.hypot(across, down), i, q

    def similar(a, b, t):
        return (2 * a * b + t) / (a**2 + b**2 + t)

    (p1, g1, i1, q1), (p2, g2, i2, q2) = parts(image), parts(reference)
    chroma = (similar(i1, i2, 200) * similar(q1, q2, 200)).astype(complex) ** 0.03
    weight = np.maximum(p1, p2)
    return (similar(p1, p2, 0.85) * similar(g1, g2, 160) * chroma.real * weight).sum() / weight.sum()
