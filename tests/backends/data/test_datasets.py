"""Data sets: digits, IDX files in every state of repair, feature files, and hold-out."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from idx import idx_bytes, small_images, write_folder

from tempotron_backends.data.built_in import load_breast_cancer, load_digits
from tempotron_backends.data.dataset import Dataset
from tempotron_backends.data.feature_tables import read_features
from tempotron_backends.data.idx import load_idx_folder, read_idx
from tempotron_backends.data.splits import hold_out

IMAGES = "train-images-idx3-ubyte"
LABELS = "train-labels-idx1-ubyte"


def make_dataset(labels: Any, **more: Any) -> Dataset:
    labels = np.asarray(labels)
    return Dataset("test", np.zeros((len(labels), 2)), labels, (0.0, 1.0), **more)


def test_digits() -> None:
    pytest.importorskip("sklearn")
    digits = load_digits()
    assert len(digits) == 1797
    assert digits.features.shape == (1797, 64)
    assert digits.features.min() == 0.0
    assert digits.features.max() == digits.value_range[1] == 16.0
    assert digits.n_classes == 10
    assert digits.fingerprint.startswith("1797x64-")


def test_digits_need_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match=r"pip install 'tempotron-core\[train\]'"):
        load_digits()


def test_breast_cancer() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    found = load_breast_cancer()
    raw, labels = datasets.load_breast_cancer(return_X_y=True)
    assert found.features.shape == (569, 30)
    np.testing.assert_array_equal(found.labels, labels)
    # the ranges written down are those of the data
    np.testing.assert_allclose(found.features.min(axis=0), np.zeros(30), atol=1e-15)
    np.testing.assert_allclose(found.features.max(axis=0), np.ones(30), atol=1e-15)
    for feature in range(30):
        assert abs(np.corrcoef(found.features[:, feature], raw[:, feature])[0, 1] - 1.0) < 1e-12
    assert found.value_range == (0.0, 1.0)
    assert found.image_shape is None


@pytest.mark.parametrize("zipped", [False, True])
def test_an_idx_folder(tmp_path: Path, zipped: bool) -> None:
    write_folder(tmp_path, zipped=zipped)
    dataset = load_idx_folder(tmp_path)
    images, labels = small_images()
    np.testing.assert_array_equal(dataset.features, images.reshape(60, 20))
    assert dataset.features.dtype == np.uint8  # an eighth of the memory
    np.testing.assert_array_equal(dataset.labels, labels)
    assert dataset.image_shape == (5, 4)
    assert dataset.n_classes == 3
    assert dataset.test_from is None


def test_other_spelling_and_misnamed_gzip(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / LABELS).rename(tmp_path / "train-labels.idx1-ubyte")
    (tmp_path / IMAGES).write_bytes(gzip.compress((tmp_path / IMAGES).read_bytes()))
    assert len(load_idx_folder(str(tmp_path))) == 60


def test_a_test_set_is_what_is_held_out(tmp_path: Path) -> None:
    write_folder(tmp_path, parts=("train", "t10k"), n=30)
    dataset = load_idx_folder(tmp_path)
    train, held_out = hold_out(dataset, 0.25, np.random.default_rng(0))
    assert len(dataset) == 60
    np.testing.assert_array_equal(train, np.arange(30))
    np.testing.assert_array_equal(held_out, np.arange(30, 60))
    np.testing.assert_array_equal(
        dataset.features[30:], small_images(30, seed=1)[0].reshape(30, 20)
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_every_element_type_is_read(tmp_path: Path, dtype: str) -> None:
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    (tmp_path / "array").write_bytes(idx_bytes(array))
    read = read_idx(tmp_path / "array")
    assert read.dtype == dtype
    assert read.dtype.isnative
    np.testing.assert_array_equal(read, array)


WHOLE = idx_bytes(np.ones((2, 3, 3), dtype=np.uint8))
# Without the time of day, which would name tests by the second in which they are collected.
ZIPPED = gzip.compress(WHOLE, mtime=0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "magic number of an IDX file.* got an empty file"),
        (b"\0\0", "magic number of an IDX file.* got 0000"),
        (b"\x89PNG more", "magic number of an IDX file.* got 89504e47"),
        (b"\0\0\x07\x03" + WHOLE[4:], "got 00000703"),
        (b"\0\0\x08\0", "got 00000800"),
        (WHOLE[:9], r"must state 3 sizes \(magic number 00000803\), got only 5 bytes"),
        (WHOLE[:-1], "must hold 18 bytes .* for 2 x 3 x 3 elements of 1, got 17"),
        (WHOLE[:16], "must hold 18 bytes .* got 0"),
        (WHOLE + b"!", "must hold 18 bytes .* got more"),
        (ZIPPED[:-9], "must be a whole gzip file"),
        (ZIPPED[:12], "must be a whole gzip file"),
        (ZIPPED[:-6] + b"123456", "must be a whole gzip file"),
        (b"\x1f\x8b" + b"\xff" * 40, "must be a whole gzip file"),
        (b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + b"\xff" * 40, "must be a whole gzip file"),
        (b"\0\0\x0e\x03" + b"\xff" * 12, "must hold .* got 0"),
    ],
)
def test_damaged_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "damaged").write_bytes(content)
    with pytest.raises(ValueError, match=f"damaged' .*{message}"):
        read_idx(tmp_path / "damaged")


def test_every_truncated_gzip_is_an_error(tmp_path: Path) -> None:
    for length in range(len(ZIPPED)):
        (tmp_path / "short").write_bytes(ZIPPED[:length])
        with pytest.raises(ValueError, match="short"):
            read_idx(tmp_path / "short")


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            LABELS,
            np.zeros(59, dtype=np.uint8),
            "one label per image .* got 60 x 5 x 4 .* 59 labels",
        ),
        (LABELS, np.zeros((60, 1), dtype=np.uint8), r"bytes in 1 dimension.*00000801.*\(60, 1\)"),
        (LABELS, np.zeros(60, dtype=np.int32), r"bytes in 1 dimension.* got int32"),
        (IMAGES, np.zeros((60, 20), dtype=np.uint8), r"bytes in 3 dimension.*00000803.*\(60, 20\)"),
        (IMAGES, np.zeros((60, 0, 4), dtype=np.uint8), "at least one"),
    ],
)
def test_files_that_do_not_fit(tmp_path: Path, name: str, array: Any, message: str) -> None:
    write_folder(tmp_path)
    (tmp_path / name).write_bytes(idx_bytes(array))
    with pytest.raises(ValueError, match=f"{name}.*{message}"):
        load_idx_folder(tmp_path)


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"data must be a folder of IDX files, got .*none"):
        load_idx_folder(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match=f"data must hold a file {IMAGES}"):
        load_idx_folder(tmp_path)
    write_folder(tmp_path, parts=("train", "t10k"))
    os.remove(tmp_path / "t10k-labels-idx1-ubyte")
    with pytest.raises(FileNotFoundError, match="data must hold a file t10k-labels-idx1-ubyte"):
        load_idx_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no file .*none"):
        read_idx(tmp_path / "none")


def test_sizes_of_training_and_test_images_must_agree(tmp_path: Path) -> None:
    write_folder(tmp_path, parts=("train", "t10k"))
    other = idx_bytes(np.zeros((60, 4, 4), dtype=np.uint8))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(other)
    with pytest.raises(ValueError, match="must have one size, got 5 x 4 for training and 4 x 4"):
        load_idx_folder(tmp_path)


def test_hold_out_is_stratified_complete_and_repeatable() -> None:
    labels = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [40, 25, 12]))
    dataset = make_dataset(labels)
    train, held_out = hold_out(dataset, 0.25, np.random.default_rng(5))
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(77))
    assert len(held_out) == 20  # 19.25, rounded up
    np.testing.assert_allclose(np.bincount(labels[held_out]), [10.4, 6.5, 3.1], atol=0.6)
    again = hold_out(dataset, 0.25, np.random.default_rng(5))
    np.testing.assert_array_equal(again[1], held_out)
    other = hold_out(dataset, 0.25, np.random.default_rng(6))
    assert not np.array_equal(other[1], held_out)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("fraction", [0.05, 0.3, 0.5, 0.77])
def test_hold_out_takes_the_share_asked_for(seed: int, fraction: float) -> None:
    labels = np.random.default_rng(seed).integers(0, 7, 400)
    train, held_out = hold_out(make_dataset(labels), fraction, np.random.default_rng(0))
    assert len(held_out) == np.ceil(fraction * 400)
    assert len(train) + len(held_out) == 400
    share = np.bincount(labels[held_out]) / np.bincount(labels)
    assert np.all(np.abs(share - fraction) <= 1.0 / np.bincount(labels))


def test_bad_hold_out() -> None:
    rng = np.random.default_rng(0)
    for fraction in (0.0, 1.0, -0.5):
        with pytest.raises(ValueError, match=f"fraction must be between 0 and 1, got {fraction}"):
            hold_out(make_dataset([0, 0, 1, 1]), fraction, rng)
    with pytest.raises(ValueError, match=r"fraction must leave patterns of every class .* class 1"):
        hold_out(make_dataset([0, 0, 0, 0, 0, 0, 1]), 0.3, rng)


@pytest.mark.parametrize("wanted", [2, 20, np.int64(31), 70])
def test_hold_out_takes_as_many_as_asked_for(wanted: int) -> None:
    labels = np.repeat([0, 1], [45, 32])
    train, held_out = hold_out(make_dataset(labels), wanted, np.random.default_rng(1))
    assert len(held_out) == wanted
    np.testing.assert_array_equal(np.sort(np.concatenate([train, held_out])), np.arange(77))
    np.testing.assert_allclose(
        np.bincount(labels[held_out]), wanted * np.asarray([45, 32]) / 77, atol=1.0
    )


def test_a_part_of_the_training_part_can_be_held_out_too() -> None:
    dataset = make_dataset(np.arange(90) % 3, test_from=60)
    train, test = hold_out(dataset, 0.5, np.random.default_rng(0))
    fitted, validation = hold_out(dataset, 12, np.random.default_rng(0), index=train[::-1])
    np.testing.assert_array_equal(np.sort(np.concatenate([fitted, validation])), np.arange(60))
    np.testing.assert_array_equal(np.bincount(dataset.labels[validation]), [4, 4, 4])
    assert (np.diff(validation) > 0).all()
    np.testing.assert_array_equal(test, np.arange(60, 90))
    # as if the test set were not there
    alone = hold_out(make_dataset(np.arange(60) % 3), 0.2, np.random.default_rng(0))
    np.testing.assert_array_equal(alone[1], validation)
    some, others = hold_out(dataset, 0.5, np.random.default_rng(0), index=np.arange(40, 64))
    np.testing.assert_array_equal(np.sort(np.concatenate([some, others])), np.arange(40, 64))


def test_splits_of_earlier_releases_are_repeated() -> None:
    """Checkpoints rely on it: the same draws, from the same shares."""
    _, held_out = hold_out(make_dataset(np.arange(40) % 4), 0.25, np.random.default_rng(3))
    rng, wanted = np.random.default_rng(3), []
    for label in range(4):
        members = [b for b in range(40) if b % 4 == label]
        wanted += rng.permutation(members)[: [3, 3, 2, 2][label]].tolist()
    assert held_out.tolist() == sorted(wanted)


def test_bad_numbers_to_hold_out() -> None:
    rng, dataset = np.random.default_rng(0), make_dataset([0, 0, 1, 1])
    with pytest.raises(ValueError, match="fraction must be less than the 4 patterns, got 4"):
        hold_out(dataset, 4, rng)
    for wrong in (1, 0, -3, 2.5, True):
        with pytest.raises(ValueError, match=f"between 0 and 1, got {wrong}, or a whole number"):
            hold_out(dataset, wrong, rng)
    with pytest.raises(
        ValueError, match="every class in both parts, got 2: of 2 of class 1 it holds out 0"
    ):
        hold_out(make_dataset([0, 0, 0, 0, 0, 0, 0, 1, 1]), 2, rng)


def test_data_that_cannot_be() -> None:
    labels, features = np.asarray([0, 1]), np.zeros((2, 3))
    broken = features.copy()
    broken[1, 2] = np.nan
    for wrong, message in (
        ((features, labels - 1), "labels must be 0 or more, got -1 in test"),
        ((broken, labels), "features must be finite, got NaN or infinity in pattern 1 of test"),
        ((features[:0], labels[:0]), r"got \(0, 3\) and \(0,\) in test"),
        ((features[:, :0], labels), r"got \(2, 0\) and \(2,\) in test"),
        ((features, labels[:1]), r"got \(2, 3\) and \(1,\) in test"),
        ((features[0], labels), r"got \(3,\) and \(2,\) in test"),
    ):
        with pytest.raises(ValueError, match=message):
            Dataset("test", *wrong, value_range=(0.0, 1.0))
    for one_class in (make_dataset([2, 2, 2, 2]), make_dataset([2, 2, 1], test_from=2)):
        with pytest.raises(ValueError, match="two classes or more to train on, got only class 2"):
            hold_out(one_class, 0.5, np.random.default_rng(0))


def test_fingerprints_are_of_the_values_whatever_they_are_kept_as() -> None:
    images, labels = small_images(50)
    flat = images.reshape(50, 20)
    kept = [
        Dataset("test", flat.astype(dtype), labels.astype(np.int64), (0.0, 255.0)).fingerprint
        for dtype in ("uint8", "float64", "float32")
    ]
    checksum = zlib.crc32(np.asarray([0.0, 255.0]).tobytes())
    checksum = zlib.crc32(flat.astype(np.float64).tobytes(), checksum)
    checksum = zlib.crc32(labels.astype(np.int64).tobytes(), checksum)
    assert kept == [f"50x20-{checksum:08x}"] * 3


def test_fingerprints_differ_with_the_data() -> None:
    first, second = make_dataset([0, 1, 0]), make_dataset([0, 1, 1])
    assert first.fingerprint != second.fingerprint
    assert first.fingerprint == make_dataset([0, 1, 0]).fingerprint
    assert first.fingerprint != replace(first, value_range=(0.0, 3.0)).fingerprint


def test_feature_files(tmp_path: Path) -> None:
    rows = np.asarray([[1.0, 2.0], [3.5, 4.0]])
    np.save(tmp_path / "rows.npy", rows)
    np.save(tmp_path / "images.npy", np.arange(12, dtype=np.uint8).reshape(3, 2, 2))
    (tmp_path / "rows.csv").write_text("# two features\n1, 2\n3.5,4\n")
    (tmp_path / "row.csv").write_text("1,2\n")
    (tmp_path / "images").write_bytes(gzip.compress(idx_bytes(small_images(4)[0])))
    np.testing.assert_array_equal(read_features(tmp_path / "rows.npy"), rows)
    np.testing.assert_array_equal(read_features(tmp_path / "rows.csv"), rows)
    np.testing.assert_array_equal(read_features(tmp_path / "row.csv"), rows[:1])
    assert read_features(tmp_path / "images.npy").shape == (3, 4)
    assert read_features(tmp_path / "images").shape == (4, 20)
    np.save(tmp_path / "none.npy", np.empty((0, 2)))
    assert read_features(tmp_path / "none.npy").shape == (0, 2)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"1,2\n3\n", "got .*a.csv.*row 1 has 1 columns, row 0 has 2"),
        ("b.csv", b"1,2\nx,2\n", "got .*b.csv.*row 1, column 0 is no number: 'x'"),
        ("b2.csv", b"1,y\n1,2\n", "got .*b2.csv.*row 0, column 1 is no number: 'y'"),
        ("b3.csv", b"x,y\n", "got .*b3.csv.*headings, and no numbers"),
        ("c.csv", b"1,nan\n", "finite numbers, got NaN or infinity in row 0 of .*c.csv"),
        ("d.csv", b"\xff\xfe\n", "got .*d.csv"),
        ("e.npy", b"", "got .*e.npy.*does not begin as"),
        ("f.npy", b"\x93NUMPY\x01\0v\0", "got .*f.npy"),
        ("g.npy", b"nothing of the kind", "got .*g.npy"),
        ("h.txt", b"1 2 3\0", "got .*h.txt.*magic number"),
        (
            "i",
            idx_bytes(np.zeros(3, dtype=np.uint8)),
            r"one row .* got .*i'.*uint8 of shape \(3,\)",
        ),
    ],
)
def test_bad_feature_files(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"input must hold|input must be.*{message}"):
        read_features(tmp_path / name)
    with pytest.raises(ValueError, match=message):
        read_features(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [
        "a,b\n1.5,2\n-3e1,4\n",
        "\ufeffa;b\n1,5;2\n-30;4\n",  # as spreadsheets write it where the comma is decimal
        "\ufeff1.5;2\n-30.0;4\n",
        "# of a plate reader\r\nwidth\theight\r\n1.5\t2\r\n-30\t4\r\n",
        '"a, b","c"\n"1.5","2"\n"-30","4"\n',
        "1.5 2  # first\n\n-30 4",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_tables_as_programs_write_them(
    tmp_path: Path, content: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = content.encode(encoding)
    (tmp_path / "rows.csv").write_bytes(written)
    expected = [[1.5, 2.0], [-30.0, 4.0]]
    assert read_features(tmp_path / "rows.csv").tolist() == expected
    stdin = io.TextIOWrapper(io.BytesIO(written))
    monkeypatch.setattr("sys.stdin", stdin)
    assert read_features("-").tolist() == expected


@pytest.mark.parametrize("kind", ["npy", "idx", "gzip"])
def test_binary_rows_come_from_standard_input_too(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, file = np.arange(6, dtype=np.uint8).reshape(2, 3), io.BytesIO()
    np.save(file, rows)
    content = file.getvalue() if kind == "npy" else idx_bytes(rows)
    content = gzip.compress(content) if kind == "gzip" else content
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(content)))
    np.testing.assert_array_equal(read_features("-"), rows)


def test_labels_are_numbers_booleans_or_names() -> None:
    features, names = np.zeros((3, 2)), ("cat", "ant")
    words = np.asarray(["ant", "cat", "ant"])
    for labels in (np.asarray([True, False, True]), words, words.astype(object)):
        made = Dataset("x", features, labels, (0.0, 1.0), classes=names)
        assert made.labels.tolist() == [1, 0, 1]
        assert made.labels.dtype == np.int64
    with pytest.raises(ValueError, match="labels must be among the classes cat, ant, got 'dog'"):
        Dataset("x", features, np.asarray(["dog", "cat", "ant"]), (0.0, 1.0), classes=names)
    with pytest.raises(TypeError, match="got <U3, whose classes have no names"):
        Dataset("x", features, np.asarray(["dog", "cat", "ant"]), (0.0, 1.0))
    with pytest.raises(ValueError, match="classes of x must be a different text for each of the 2"):
        Dataset("x", features, np.asarray([0, 1, 1]), (0.0, 1.0), classes=("a", "a"))


def test_other_feature_arrays_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "text.npy", np.asarray([["a"]]))
    np.save(tmp_path / "object.npy", np.asarray([[{}]]))
    with (tmp_path / "archive.npy").open("wb") as file:
        np.savez(file, a=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"text\.npy.* numbers or truth values, got dtype '<U1'"):
        read_features(tmp_path / "text.npy")
    with pytest.raises(ValueError, match=r"object\.npy.* numbers or truth values, got dtype"):
        read_features(tmp_path / "object.npy")
    with pytest.raises(ValueError, match=r"archive\.npy.* does not begin as a \.npy file"):
        read_features(tmp_path / "archive.npy")
    with pytest.raises(FileNotFoundError, match=r"input must be a file, got .*none"):
        read_features(tmp_path / "none.npy")
