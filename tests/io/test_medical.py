"""Scans against pydicom and nibabel where they are installed, and against files written here."""

from __future__ import annotations

import os

import numpy as np
import pytest

from opsin import ops
from opsin.errors import DecodeError, ParamError

sitk = pytest.importorskip("SimpleITK")

from opsin import medical  # noqa: E402

REAL = ["CT_small.dcm", "MR_small.dcm", "MR_small_RLE.dcm", "MR_small_bigendian.dcm", "MR_small_implicit.dcm"]


@pytest.mark.parametrize("name", REAL)
def test_real_units_as_pydicom(opsin_data, name):
    pydicom = pytest.importorskip("pydicom")
    path = opsin_data / "medical" / "dicom" / name
    data = pydicom.dcmread(path)
    slope, intercept = float(data.get("RescaleSlope", 1)), float(data.get("RescaleIntercept", 0))
    sample = medical.read(path)
    assert sample.image.dtype == np.float32
    assert np.array_equal(sample.image, data.pixel_array * slope + intercept)
    assert sample.facts.spacing[:2] == pytest.approx([float(x) for x in data.PixelSpacing][::-1])
    assert sample.facts.modality == data.Modality and sample.facts.intercept == intercept
    assert sample.facts.transfer_syntax != ""


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "SC_rgb_rle.dcm", "SC_rgb_rle_2frame.dcm"])
def test_colors_as_pydicom(opsin_data, name):
    pydicom = pytest.importorskip("pydicom")
    path = opsin_data / "medical" / "dicom" / name
    want = pydicom.dcmread(path).pixel_array
    scan = medical.read_scan(path)
    assert np.array_equal(scan.frames, want.reshape(scan.frames.shape)) and scan.frames.dtype == want.dtype


@pytest.mark.parametrize(
    "name", ["examples_ybr_color.dcm", "SC_ybr_full_422_uncompressed.dcm", "SC_rgb_jpeg_dcmtk.dcm"]
)
def test_luma_and_chroma_become_rgb(opsin_data, name):
    pydicom = pytest.importorskip("pydicom")
    path = opsin_data / "medical" / "dicom" / name
    want = pydicom.dcmread(path).pixel_array
    got = medical.read_scan(path).frames
    off = np.abs(got.astype(int) - want.reshape(got.shape))
    assert np.median(off) <= 1 and off.mean() < 4  # two decoders of a lossy format, and two ways to widen chroma


def test_masks_of_one_bit_and_deflated_files(opsin_data):
    folder = opsin_data / "medical" / "dicom"
    assert set(np.unique(medical.read(folder / "liver_1frame.dcm").image)) == {0.0, 1.0}
    assert medical.read(folder / "image_dfl.dcm").facts.transfer_syntax == "deflated"


def test_packed_alike(opsin_data):
    """One picture in six transfer syntaxes gives the same numbers."""
    folder = opsin_data / "medical" / "dicom"
    first = medical.read(folder / "MR_small.dcm")
    syntaxes = {first.facts.transfer_syntax}
    for name in ("RLE", "bigendian", "implicit", "expb", "jp2klossless", "jpeg_ls_lossless"):
        other = medical.read(folder / f"MR_small_{name}.dcm")
        assert np.array_equal(other.image, first.image), name
        syntaxes.add(other.facts.transfer_syntax)
    assert syntaxes >= {"RLE", "JPEG 2000 lossless", "JPEG-LS lossless", "explicit big endian"}
    assert first.facts.windows == ((600.0, 1600.0),)


@pytest.mark.parametrize("name", ["rtstruct.dcm", "test-SR.dcm", "reportsi.dcm", "rtplan.dcm"])
def test_dicom_without_pixels(opsin_data, name):
    with pytest.raises(DecodeError, match="holds no pixels"):
        medical.read(opsin_data / "medical" / "dicom" / name)


@pytest.mark.parametrize("name", ["anatomical.nii", "functional.nii", "someones_epi.nii.gz", "standard.nii.gz",
                                  "example_nifti2.nii.gz"])  # fmt: skip
def test_nifti_as_nibabel(opsin_data, name):
    nibabel = pytest.importorskip("nibabel")
    path = opsin_data / "medical" / "nifti" / name
    want = nibabel.load(path)
    values = np.asarray(want.get_fdata(), dtype=np.float32)
    scan = medical.read_scan(path)
    assert np.allclose(scan.frames.reshape(values.T.shape), values.T, rtol=1e-6, atol=1e-4)
    assert scan.facts.spacing == pytest.approx([float(x) for x in want.header.get_zooms()], rel=1e-5)
    # nibabel counts right and anterior, SimpleITK left and posterior
    codes = "".join(nibabel.aff2axcodes(want.affine))
    assert scan.facts.orientation == codes


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("ext", [".nii", ".nii.gz"])
def test_nifti_2(tmp_path, order, ext):
    nibabel = pytest.importorskip("nibabel")
    values = np.random.default_rng(0).normal(size=(7, 6, 5)).astype(np.float32)
    affine = np.array([[0, 2.5, 0, -9], [-1.5, 0, 0, 4], [0, 0, 3, 7], [0, 0, 0, 1.0]])
    image = nibabel.Nifti2Image(values, affine, nibabel.Nifti2Header(endianness=order))
    nibabel.save(image, tmp_path / f"two{ext}")
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / f"one{ext}")
    two, one = (medical.read_scan(tmp_path / f"{name}{ext}") for name in ("two", "one"))
    assert np.array_equal(two.frames, values.T) and two.facts.to_dict() == one.facts.to_dict()
    data = (tmp_path / f"two{ext}").read_bytes()
    with pytest.raises(DecodeError, match=r"ends before its pixels do|is damaged|is broken"):
        medical.read_scan(data[: len(data) * 2 // 3])


def test_decoders_do_not_talk(opsin_data, capfd):
    with pytest.raises(DecodeError, match="the scan is broken"):
        medical.read_scan(opsin_data / "medical" / "dicom" / "JPEG2000-embedded-sequence-delimiter.dcm")
    assert capfd.readouterr().err == ""
    os.write(2, b"heard again")
    assert capfd.readouterr().err == "heard again"


def written(tmp_path, photometric="MONOCHROME2", name="x.dcm"):
    """A small DICOM file with a patient's name in it."""
    r = np.random.RandomState(0)
    image = sitk.GetImageFromArray(r.randint(0, 1000, (1, 40, 60)).astype(np.int16))
    image.SetSpacing((0.5, 0.75, 2.0))
    for key, value in {"0010|0010": "Doe^Jane", "0010|0020": "ID-4711", "0008|0020": "19990101", "0008|0060": "CT",
                       "0028|1050": "40", "0028|1051": "400", "0028|0004": photometric}.items():  # fmt: skip
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / name))
    return tmp_path / name, sitk.GetArrayFromImage(image)[0]


def test_nothing_private_is_kept(tmp_path):
    path, values = written(tmp_path)
    assert b"Doe^Jane" in path.read_bytes()
    sample = medical.read(path)
    assert np.array_equal(sample.image, values)
    told = repr(sample.facts) + repr(sample) + str(vars(sample))
    for secret in ("Doe", "4711", "19990101"):
        assert secret not in told
    from opsin.io import encode

    shown = ops.window_intensity(sample.image, center=40, width=400)
    assert b"Doe" not in encode((shown * 255).astype(np.uint8), "png")


def test_spacing_follows_geometry(tmp_path):
    path, _ = written(tmp_path)
    sample = medical.read(path)
    assert medical.spacing(sample) == pytest.approx((0.5, 0.75))
    assert medical.spacing(ops.resize(sample, width=30, height=20)) == pytest.approx((1.0, 1.5))
    assert medical.spacing(ops.rotate90(sample, times=1)) == pytest.approx((0.75, 0.5))


def test_volumes_turn_to_an_order(tmp_path):
    r = np.random.RandomState(1)
    array = r.rand(5, 6, 7).astype(np.float32)
    image = sitk.GetImageFromArray(array)
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))  # x to the right, y to the front
    sitk.WriteImage(image, str(tmp_path / "v.nii"))
    kept, turned = (medical.read_scan(tmp_path / "v.nii", orient=o) for o in (None, "LPS"))
    assert kept.facts.orientation == "RAS" and turned.facts.orientation == "LPS"
    assert np.array_equal(kept.frames, array) and np.array_equal(turned.frames, array[:, ::-1, ::-1])
    assert [s.facts.frame for s in medical.samples(tmp_path / "v.nii")] == list(range(5))
    assert np.array_equal(medical.read(tmp_path / "v.nii", frame=-1).image, array[-1])


@pytest.mark.parametrize(("data", "words"), [(b"", "neither"), (b"\x89PNG" + bytes(500), "neither")])
def test_other_files(data, words):
    with pytest.raises(DecodeError, match=words):
        medical.read(data)


@pytest.mark.parametrize("name", ["SC_rgb_rle_16bit.dcm", "SC_rgb_rle_32bit_2frame.dcm", "rtdose_expb.dcm"])
def test_what_the_decoder_gets_wrong_is_refused(opsin_data, name):
    with pytest.raises(DecodeError, match="not decoded"):
        medical.read(opsin_data / "medical" / "dicom" / name)


def test_cut_off_and_wrong_frames(tmp_path):
    path, _ = written(tmp_path)
    with pytest.raises(DecodeError):
        medical.read(path.read_bytes()[:300])
    with pytest.raises(ParamError, match="from 0 to 0"):
        medical.read(path, frame=3)
    with pytest.raises(ParamError, match="three letters"):
        medical.read(path, orient="XYZ")
    with pytest.raises(ParamError, match=r"medical\.read gave"):
        from opsin import Sample

        medical.spacing(Sample(np.zeros((3, 3), np.uint8)))
