"""The names of a profile's sections, of RawTherapee 3 to 5.12: by them a profile is known, whole or partial."""

SECTIONS = frozenset(
    {
        "Black & White", "CACorrection", "Channel Mixer", "Chrominance Denoising", "Coarse Transformation",
        "Color Boost", "Color Management", "Color Shift", "Color appearance", "ColorToning",
        "Common Properties for Transformations", "Crop", "Defringing", "Dehaze",
        "Directional Pyramid Denoising", "Directional Pyramid Equalizer", "Distortion", "EPD", "Exif",
        "Exposure", "FattalToneMapping", "Film Negative", "Film Simulation", "Framing", "General", "Gradient",
        "HLRecovery", "HSV Equalizer", "IPTC", "Impulse Denoising", "LensProfile", "Local Contrast",
        "Locallab", "Luminance Curve", "Luminance Denoising", "MetaData", "PCVignette", "Perspective",
        "PostDemosaicSharpening", "PostResizeSharpening", "RAW", "RAW Bayer", "RAW Preprocess WB",
        "RAW X-Trans", "RGB Curves", "Resize", "Retinex", "Rotation", "Shadows & Highlights", "SharpenEdge",
        "SharpenMicro", "Sharpening", "SoftLight", "Spot removal", "ToneEqualizer", "Version", "Vibrance",
        "Vignetting", "Vignetting Correction", "Wavelet", "White Balance",
    }
)  # fmt: skip
