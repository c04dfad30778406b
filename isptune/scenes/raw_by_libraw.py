"""What LibRaw reads as frames: DNG, CR2, NEF, ARW, RAF and more, of a Bayer sensor or of one without colour filters."""

from pathlib import Path
from typing import Any

import numpy as np

from isptune.errors import SceneError
from isptune.scenes.colour_profile import white_kept
from isptune.scenes.raw_capture import IDENTITY, Matrix, NoiseModel
from isptune.scenes.raw_frame import Frame, check_file, retagged
from isptune.scenes.raw_tags import MONO, Tags, mean_noise
from isptune.system.quiet import silenced, silent_native_code

_SRGB_TO_XYZ = np.array(
    [
        [0.412453, 0.357580, 0.180423],
        [0.212671, 0.715160, 0.072169],
        [0.019334, 0.119193, 0.950227],
    ]
)

_CAMERA_MATRIX_IS_SET = 0.125
"""LibRaw's own test for a matrix from the file: its first number."""

_ORIENTATIONS = {0: 1, 1: 2, 2: 4, 3: 3, 4: 5, 5: 8, 6: 6, 7: 7}
"""LibRaw's `flip` (1: columns backwards, 2: rows backwards, 4: rows and columns exchanged first) as EXIF's number."""

_NOISE_PROFILE, _BASELINE_EXPOSURE = 51041, 50730
"""The DNG's tags."""


def read_by_libraw(path: Path, tags: Tags) -> Frame:
    """Read a raw file with a Bayer sensor, or one without colour filters, by LibRaw.

    Args:
        path: the file.
        tags: what is said in place of its own.

    Raises:
        SceneError: the file is missing, empty, damaged or no raw file; its sensor is of another kind; it has no
            colour matrix or no white balance and none was given.
    """
    check_file(path)
    import rawpy
    from rawpy._rawpy import LibRawError, LibRawFileUnsupportedError

    try:
        with silent_native_code(), rawpy.imread(str(path)) as raw:
            return _to_frame(raw, path, tags)
    except LibRawFileUnsupportedError as error:
        raise SceneError(
            f"{path}: is not a raw file that LibRaw reads; samples without a header are read by "
            f"'raw:{path.name}?size=WxH&format=SRGGB10P'"
        ) from error
    except (LibRawError, OSError) as error:
        reason = error.args[0] if error.args else error
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise SceneError(
            f"{path}: cannot be read as a raw file; it is cut off or damaged ({reason})"
        ) from error


def _to_frame(raw: Any, path: Path, tags: Tags) -> Frame:
    """What LibRaw reads, with the tags that were given in place of the file's."""
    cfa, black = _filters_and_black(raw, path, tags.cfa)
    iso = float(raw.other.iso_speed)
    balance, where = (tags.white_balance, "given") if tags.white_balance else ("grey", "mono")
    if tags.white_balance is None and cfa != MONO:
        balance, where = _white_balance(raw, path)
    frame = Frame(
        path.name,
        np.array(raw.raw_image_visible),
        cfa,
        black,
        float(raw.white_level),
        _ORIENTATIONS.get(raw.sizes.flip, 1),
        IDENTITY if tags.matrix is not None or cfa == MONO else _matrix(raw, path),
        balance,
        where,
        noise_profile(path),
        iso if iso > 0 else None,
    )
    return retagged(frame, tags)


def _filters_and_black(
    raw: Any, path: Path, given: str | None
) -> tuple[str, tuple[float, float, float, float]]:
    """The colours of the first 2x2 samples and their black levels; the colours that were given are believed."""
    levels = [float(level) for level in raw.black_level_per_channel]
    if raw.raw_type.name == "Flat" and (raw.num_colors == 1 or raw.raw_pattern is None):
        return given or MONO, (levels[0], levels[0], levels[0], levels[0])
    if given is None or raw.raw_type.name != "Flat" or raw.raw_pattern.shape != (2, 2):
        given = _filter_letters(raw, path)
    first, second, third, fourth = (levels[i] for i in raw.raw_colors_visible[:2, :2].flat)
    return given, (first, second, third, fourth)


def _filter_letters(raw: Any, path: Path) -> str:
    """The colours of the first 2x2 visible samples, row by row; refuses every other kind of sensor."""
    kind = None
    if raw.raw_type.name != "Flat":
        kind = "has three or four colours at every pixel (a linear or layered raw file)"
    elif raw.raw_pattern.shape != (2, 2):
        rows, columns = raw.raw_pattern.shape
        kind = f"has a colour filter array of {columns}x{rows} (X-Trans)"
    else:
        names = raw.color_desc.decode()
        letters = np.array([[names[i] for i in row] for row in raw.raw_colors_visible[:2, :2]])
        diagonals = sorted("".join(sorted(d)) for d in (letters.diagonal(), letters[:, ::-1].diagonal()))
        if diagonals == ["BR", "GG"]:
            return "".join(letters.flat)
        kind = f"has the colour filters {'/'.join(''.join(row) for row in letters)}"
        if (letters[:, 0] == letters[:, 1]).all():  # or the first rows of two samples a filter
            kind += f" (a quad Bayer sensor is read, binned, as 'raw:{path.name}?cfa=QUAD-RGGB')"
    raise SceneError(f"{path}: {kind}; only Bayer sensors (RGGB in any order) can be used")


def _matrix(raw: Any, path: Path) -> Matrix:
    """From white-balanced camera RGB to linear sRGB, as LibRaw chooses and computes it."""
    found = np.asarray(raw.color_matrix)[:3, :3]
    if found[0, 0] <= _CAMERA_MATRIX_IS_SET:
        camera_from_srgb = np.asarray(raw.rgb_xyz_matrix)[:3] @ _SRGB_TO_XYZ
        sums = camera_from_srgb.sum(axis=1, keepdims=True)
        if not (sums > 1e-5).all():
            raise SceneError(
                f"{path}: has no colour matrix, and LibRaw knows none for this camera; "
                f"'raw:{path.name}?matrix=identity' takes the camera's colours for sRGB"
            )
        found = np.linalg.inv(camera_from_srgb / sums)
    return white_kept(found)


def _white_balance(raw: Any, path: Path) -> tuple[tuple[float, float, float], str]:
    """The file's multipliers, and where they come from."""
    for source, values in (("camera", raw.camera_whitebalance), ("daylight", raw.daylight_whitebalance)):
        red, green, blue = (float(value) for value in values[:3])
        unset = source == "daylight" and red == green == blue  # LibRaw's way to say that it knows nothing
        if min(red, green, blue) > 1e-5 and not unset:
            return (red, green, blue), source
    raise SceneError(
        f"{path}: has no white balance, and LibRaw knows none for this camera; "
        f"give one: 'raw:{path.name}?white_balance=R,G,B', or grey"
    )


def noise_profile(path: Path) -> NoiseModel | None:
    """What a DNG says of its noise (tag 51041, NoiseProfile): pairs of scale and offset, one or one a plane.

    In the DNG specification (1.4, chapter 6) the variance of a linear sample x in [0, 1] is scale x + offset. A noise
    of 0 says nothing, as other numbers that cannot be: then it is measured.
    """
    numbers = _dng_numbers(path, _NOISE_PROFILE)
    if len(numbers) not in (2, 6, 8) or not all(0 <= value < 1 for value in numbers) or not max(numbers) > 0:
        return None
    return mean_noise(numbers)


def baseline_exposure(path: Path) -> float | None:
    """By how many EV a DNG asks to be brightened (tag 50730, BaselineExposure); None where it does not say."""
    numbers = _dng_numbers(path, _BASELINE_EXPOSURE)  # a fraction
    if len(numbers) != 2 or numbers[1] == 0 or abs(numbers[0] / numbers[1]) > 10:
        return None
    return numbers[0] / numbers[1]


def _dng_numbers(path: Path, code: int) -> list[float]:
    """The numbers of a tag, of the first directory or of one below it; none where there are none."""
    import tifffile

    try:
        with silenced("tifffile"), tifffile.TiffFile(path) as tiff:
            first = tiff.pages.first
            pages = [first, *(first.pages or ())]
            said = [page.tags[code].value for page in pages if code in page.tags]
            return [float(value) for value in said[0]] if said else []
    except Exception:  # LibRaw has read the file; whatever makes tifffile stumble, it only says nothing then
        return []
