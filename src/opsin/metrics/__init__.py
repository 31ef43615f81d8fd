"""Figures that say how good results are, by the definitions that published tables use.

mot         trackers: MOTA, MOTP, IDF1, identity switches, HOTA ...
detection   detectors: average precision of PASCAL VOC (every point, 11 points) and COCO
"""
