"""Objectives from the statistics of a picture alone.

| name | measures | better | prefers, if optimised alone |
|---|---|---|---|
| tv | differences between neighbours | less | flat pictures |
| sharpness | variance of the Laplacian | more | noise and ringing |
| colourfulness | spread of opponent colours | more | garish colours |
| noise | standard deviation of fine noise | less | smoothed pictures |
| blockiness | steps at the borders of 8x8 blocks | less | noise that hides the steps |
| jpeg_trace | coefficients that quantization made zero | less | noise after the compression |
| entropy | bits of the luma histogram | more | noise and equalised histograms |
| niqe, brisque | how far from the statistics of natural scenes | less, more | see experiments/metrics_without_weights |

Of the others, each sees one aspect and none sees quality: they are baselines, parts of a weighted objective, and
examples of metrics that an optimizer exploits.
"""
