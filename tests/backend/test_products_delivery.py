"""Deliveries and their XML: found in folders and zips, strangers' files bounded and refused with a sentence."""

import re
import zipfile

import pytest
from dlr_files import raster, values
from mixel.backend.products.delivery import xml_file
from mixel.backend.products.delivery.files import Delivery, delivery_at, find
from mixel.backend.products.delivery.xml_file import number, parsed, text

PATTERN = re.compile(r"(?P<base>\w+?)-(?P<part>A|B)(?P<cog>_COG)?\.txt", re.IGNORECASE)


def test_parts_of_one_product_are_found_in_capitals_the_plain_form_first(tmp_path):
    for name in ("x-a_cog.txt", "x-a.txt", "X-B_COG.txt", ".x-b.txt", "other.txt"):
        (tmp_path / name).write_text(name)
    found = find(tmp_path, PATTERN)
    assert found.parts == {"A": "x-a.txt", "B": "X-B_COG.txt"} and found.chosen == ""
    chosen = find(tmp_path / "x-a_cog.txt", PATTERN)
    assert chosen.parts["A"] == "x-a_cog.txt" and chosen.chosen == "A"
    assert chosen.delivery.content("X-B_COG.txt") == b"X-B_COG.txt"
    assert find(tmp_path / "other.txt", PATTERN) is None and find(tmp_path, PATTERN, lambda base, parts: False) is None


def test_products_in_several_folders_ask_to_choose(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x-A.txt").write_text("")
    with pytest.raises(ValueError, match=r"The folder .* holds 2 products"):
        find(tmp_path, PATTERN)
    assert find(tmp_path / "two", PATTERN).parts == {"A": "x-A.txt"}


def test_only_some_folders_are_looked_into(tmp_path):
    deep = tmp_path / "a" / "b"
    (deep / "c").mkdir(parents=True)
    (deep / "x-A.txt").write_text("")
    (deep / "c" / "y-A.txt").write_text("")
    assert find(tmp_path, PATTERN).parts == {"A": "a/b/x-A.txt"}
    for number_ in range(100):
        (tmp_path / f"{number_:03d}").mkdir()
    assert find(tmp_path, PATTERN) is None


def test_rasters_and_texts_in_zips_and_zips_in_zips_are_read_in_place(tmp_path):
    image = raster(tmp_path / "image.tif", values(4))
    inner = tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w", zipfile.ZIP_DEFLATED) as file:
        file.write(image, "sub folder/image.tif")
        file.writestr("note.txt", "hello")
    for how in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        outer = tmp_path / f"outer {how}.zip"
        with zipfile.ZipFile(outer, "w", how) as file:
            file.write(inner, "in/inner.zip")
        found = delivery_at(outer)
        assert set(found.names) == {"in/inner.zip", "in/inner.zip!/sub folder/image.tif", "in/inner.zip!/note.txt"}
        assert found.content("in/inner.zip!/note.txt") == b"hello" and found.on_disk("in/inner.zip!/note.txt") == outer
        with found.raster("in/inner.zip!/sub folder/image.tif") as dataset:
            assert (dataset.read() == values(4)).all()
    with pytest.raises(ValueError, match=r"The file note\.txt in .* cannot be opened as a raster"):
        found.raster("in/inner.zip!/note.txt")


def test_damaged_zips_and_large_texts_are_refused(tmp_path, monkeypatch):
    broken = tmp_path / "broken.zip"
    broken.write_bytes(b"PK\3\4" + bytes(100))
    with pytest.raises(ValueError, match=r"broken\.zip is no whole zip .* Copy or download it again"):
        delivery_at(broken)
    with zipfile.ZipFile(tmp_path / "outer.zip", "w") as file:
        file.write(broken, "broken.zip")
        file.writestr("big.txt", "x" * 100)
    found = delivery_at(tmp_path / "outer.zip")
    assert found.names == ("broken.zip", "big.txt")
    monkeypatch.setattr("mixel.backend.products.delivery.files.LARGEST_TEXT", 99)
    with pytest.raises(ValueError, match=r"The file big\.txt in .* is too large"):
        found.content("big.txt")
    with pytest.raises(ValueError, match=r"The file gone\.txt in .* cannot be read"):
        Delivery(tmp_path, ("gone.txt",)).content("gone.txt")
    assert delivery_at(tmp_path / "big.txt") is None and delivery_at(tmp_path / "none.zip") is None


def test_xml_gives_elements_without_namespaces():
    root = parsed(b'<a xmlns="http://x" xmlns:n="http://y"><n:b> 3.5 </n:b><c/></a>', "x.xml")
    assert root.tag == "a" and text(root, "c", "b") == "3.5" and text(root, "c") == "" and number("3.5") == 3.5
    assert number("nan") is None and number(None) is None and number("x") is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no element found"),
        (b"<a><b></a>", "mismatched tag"),
        (b'<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/hostname">]><a>&e;</a>', "document type"),
        ('<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a><a/>'.encode("utf-16"), "document type"),
        (b"<a>&unknown;</a>", "undefined entity"),
        (b'<?xml version="1.0" encoding="nonsense"?><a/>', "unknown encoding"),
        (b"<a>" * 300 + b"</a>" * 300, "too deep"),
    ],
)
def test_xml_that_is_damaged_or_declares_entities_is_refused(content, reason):
    with pytest.raises(ValueError, match=rf"The file x\.xml is damaged \(.*{reason}.*\)\. Copy or download"):
        parsed(content, "x.xml")


def test_a_document_type_is_refused_in_any_encoding():
    ebcdic = b'<?xml version="1.0" encoding="cp037"?>' + "<!DOCTYPE a><a/>".encode("cp037")
    with pytest.raises(ValueError, match="is damaged"):
        parsed(ebcdic, "x.xml")
    with pytest.raises(ValueError, match="document type"):
        xml_file._Careful().doctype("a", None, None)
