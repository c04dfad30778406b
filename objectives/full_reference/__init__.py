"""Objectives that compare with the perfect picture.

| name | compares | best | direction |
|---|---|---|---|
| psnr | RGB | 100 dB | maximize |
| ssim | RGB | 1 | maximize |
| ms_ssim | RGB, five scales | 1 | maximize |
| gmsd | luma at half size | 0 | minimize |
| fsim | luma and chroma at about 256 pixels | 1 | maximize |
| vif | luma, four scales | 1 (enhanced images above) | maximize |

All take `border=N`, which is cut off, and `fit=none|gain|curve|affine`, a mapping of tone or colour that is fitted
before comparing (`fit.py`). psnr, ssim, ms_ssim and fsim take `channel=y`, luma only (`view.py`).
"""
