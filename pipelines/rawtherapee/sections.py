"""The names of a profile's sections, of RawTherapee 3 to 5.12: by them a profile is known, whole or partial."""

SECTIONS = frozenset(
    {
        "Black & White", "CACorrection", "Channel Mixer", "Chrominance Denoising", "Coarse Transformation",
        "Color Boost", "Color Management", "Color Shift", "Color Toning", "Color appearance", "ColorToning",
        "Common", "Common Properties for Transformations", "Compressgamut", "Crop", "Defringing", "Dehaze",
        "Directional Pyramid Denoising", "Directional Pyramid Equalizer", "Distortion", "EPD",
        "Edge Preserving", "Exif", "Exposure", "FattalToneMapping", "Film Negative", "Film Simulation",
        "Framing", "General", "Gradient", "HLRecovery", "HSV Equalizer", "IPTC", "Impulse Denoising",
        "Lens Profile", "LensProfile", "Local Contrast", "Locallab", "Luminance Curve", "Luminance Denoising",
        "MetaData", "PCVignette", "Perspective", "PostDemosaicSharpening", "PostResizeSharpening", "RAW",
        "RAW Bayer", "RAW Preprocess WB", "RAW X-Trans", "RGB Curves", "Resize", "Retinex", "Rotation",
        "Shadows & Highlights", "SharpenEdge", "SharpenMicro", "Sharpening", "Soft Light", "Spot removal",
        "Tone Equalizer", "Version", "Vibrance", "Vignetting", "Vignetting Correction", "Wavelet",
        "White Balance",
    }
)  # fmt: skip
