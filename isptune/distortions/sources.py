"""The papers that distortions are taken from, each said once."""

KADID = "Lin et al. 2019, KADID-10k: A Large-scale Artificially Distorted IQA Database, doi:10.1109/QoMEX.2019.8743252"
ARNIQA = f"Agnolucci et al. 2024, ARNIQA, arXiv:2310.14918; after {KADID}"
DEPICTQA = (
    "You et al. 2024, DepictQA-Wild: Descriptive Image Quality Assessment in the Wild, arXiv:2405.18842"
)
IMAGENET_C = "Hendrycks and Dietterich 2019, ImageNet-C, arXiv:1903.12261"
ANY_SIZE = "Michaelis et al. 2019, imagecorruptions, arXiv:1907.07484"
"""What of ImageNet-C was made for pictures of 224 pixels, for those of any size."""
