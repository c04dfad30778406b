"""Places in files of every format: what is meant is found, once; what is not there, or there twice, is said."""

import pytest

from isptune.errors import ConfigError
from pipelines.in_place.numbers import in_style_of, number_of
from pipelines.in_place.places import TextPlaces, format_of

JSON = """{
  "sharpen": {"table": [1, 2.50, 3], "iso": [100, 400, 1600], "on": true},
  "rpi.x": {"s": "1.5", "mode": "dusk"},
  "modes": [{"iso": 100, "v": 1, "name": "day"}, {"iso": 200, "v": 2, "name": "night"}]
}"""
YAML = """# Infinite-ISP's way
sensor_info:
  bit_depth: 12   # bits
  range: 4095
black_level_correction:
  is_enable: True
  r_offset: 200
gamma_correction:
  gamma_lut: [0, 1, 0x0f,
              15]
"""
XML = """<?xml version="1.0"?>
<!DOCTYPE ctx [<!ENTITY big "aaaaaaaa"><!ENTITY file SYSTEM "file:///etc/passwd">]>
<ctx version='2'>
  <!-- <sharp>9</sharp> -->
  <sharp>1</sharp><sharp>2</sharp><sharp> 3.0 </sharp>
  <mode iso="100"><gain>5</gain></mode>
  <mode iso="200"><gain>6</gain><table size="[1 3]">[1.0 2.0 3.0]</table></mode>
  <text><![CDATA[a < b]]></text><said>&big;</said><none/><ns:q v='7 &lt; 8'/>
</ctx>
"""
INI = 'gain = 1 ; no section\r\n[ isp.sharpen ]\r\nlow.light: 2.0 # c\r\nmode = "high"\r\n;low.light = 3\r\n'
HEADER = (
    "#define SHARP 0x0F // first\n#define BLACK  (64u)\nstatic const float gains[] = { 1.0f, 1.5f, -2e0f };\n"
)


def _found(form, text, at, number=True):
    places = TextPlaces(text.encode(), "file", form)
    return places.said(places.scalar(at, number))


@pytest.mark.parametrize(
    ("form", "text", "at", "said"),
    [
        ("json", JSON, "sharpen.table[1]", "2.50"),
        ("json", JSON, "/sharpen/table/1", "2.50"),
        ("json", JSON, "/sharpen/table[1]", "2.50"),
        ("json", JSON, "$.sharpen['table'][-2]", "2.50"),
        ("json", JSON, "rpi.x.s", "1.5"),
        ("json", JSON, "$['rpi.x']['s']", "1.5"),
        ("json", JSON, "modes[iso=200].v", "2"),
        ("json", JSON, "modes[name=night].v", "2"),
        ("json", JSON, "$.modes[?(@.name=='night')].v", "2"),
        ("yaml", YAML, "sensor_info.bit_depth", "12"),
        ("yaml", YAML, "/gamma_correction/gamma_lut/2", "0x0f"),
        ("xml", XML, "/ctx/sharp[3]", "3.0"),
        ("xml", XML, "/ctx/sharp[last()]", "3.0"),
        ("xml", XML, "/ctx/mode[2]/table[2]", "2.0"),
        ("xml", XML, "ctx/mode[@iso='200']/gain", "6"),
        ("xml", XML, "//mode[gain=6]/@iso", "200"),
        ("xml", XML, "/ctx/@version", "2"),
        ("xml", XML, "//*[@iso=100]/gain/text()", "5"),
        ("ini", INI, "gain", "1"),
        ("ini", INI, "isp.sharpen.low.light", "2.0"),
        ("regex", HEADER, r"^#define SHARP\s+(\w+)", "0x0F"),
        ("regex", HEADER, r"BLACK\s+(.*)$", "64u"),
    ],
)
def test_a_place_is_found(form, text, at, said):
    assert _found(form, text, at) == said


def test_texts_are_found_as_they_are_meant_and_no_entity_is_expanded():
    assert _found("json", JSON, "rpi.x.mode", number=False) == "dusk"
    assert _found("ini", INI, "isp.sharpen.mode", number=False) == "high"
    assert _found("xml", XML, "/ctx/text", number=False) == "a < b"
    assert _found("xml", XML, "//ns:q/@v", number=False) == "7 < 8"
    assert _found("xml", XML, "/ctx/said", number=False) == "&big;"


@pytest.mark.parametrize(
    ("form", "text", "at", "said"),
    [
        ("json", JSON, "sharpen.table", ["1", "2.50", "3"]),
        ("json", JSON, "modes[*].v", ["1", "2"]),
        ("yaml", YAML, "gamma_correction.gamma_lut", ["0", "1", "0x0f", "15"]),
        ("xml", XML, "//table", ["1.0", "2.0", "3.0"]),
        ("xml", XML, "/ctx/sharp", ["1", "2", "3.0"]),
        ("regex", HEADER, r"gains\[\] = \{(.*)\}", ["1.0f", "1.5f", "-2e0f"]),
        (
            "regex",
            "int t[] = {\n 1, // 0:off 1:on\n 0x2, /* 7 */ 3 };",
            r"t\[\] = \{([^}]*)\}",
            ["1", "0x2", "3"],
        ),
    ],
)
def test_a_list_is_found_with_its_values(form, text, at, said):
    places = TextPlaces(text.encode(), "file", form)
    assert [places.said(span) for span in places.cells(at)] == said


@pytest.mark.parametrize(
    ("form", "text", "at", "message"),
    [
        ("json", JSON, "sharpen.none", "iq: 'sharpen.none' is not there"),
        ("json", JSON, "modes[*].v", "iq: 'modes[*].v' is there 2 times"),
        ("json", '{"a": 1, "a": 2}', "a", "iq: 'a' is there 2 times"),
        ("json", JSON, "sharpen.table", "is a list of 3, not a value; name one of it"),
        ("json", JSON, "sharpen", "is a table, not a value"),
        ("json", JSON, "rpi.x.mode", "is 'dusk', not a number"),
        ("json", JSON, "a[", "is no path"),
        ("json", "{", "a", "iq: line 1, column 2: it ends too early"),
        ("xml", XML, "/ctx/sharp", "is there 3 times"),
        ("xml", XML, "/ctx/none", "<none/>, which has no text; did you mean an attribute"),
        ("xml", XML, "/ctx/mode[1]", "leads to an element with elements in it (gain)"),
        ("xml", XML, "//table", "is '[1.0 2.0 3.0]', not a number; give index, from 0, or node"),
        ("xml", XML, "/ctx/sharp[", "'[' is not understood"),
        ("xml", "<a><b></a>", "/a", "</a> closes what is not open"),
        ("xml", "<a>", "/a", "<a> is not closed"),
        ("xml", "<a>" * 100, "/a", "is nested more than 64 deep"),
        ("ini", INI, "sharpen.mode", "is not there"),
        ("ini", "[a]\nx = 1\nx = 2\n", "a.x", "is there 2 times"),
        ("regex", HEADER, "SHARP", "has 0 groups; the one group of it is where the value stands"),
        ("regex", HEADER, "(", "is no regular expression"),
        ("regex", HEADER, r"#define (\w+)", "is there 2 times"),
    ],
)
def test_what_is_not_there_or_there_twice_is_said_in_one_line(form, text, at, message):
    with pytest.raises(ConfigError) as raised:
        TextPlaces(text.encode(), "iq", form).scalar(at, number=True)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("token", "number", "new"),
    [
        ("1.0", 2.0, "2.0"), ("1.600", 0.25, "0.250"), ("1.60", 0.123456789, "0.1234568"), ("3", 4.5, "4.5"),
        ("3", 7, "7"), ("3.0", 7, "7.0"), ("0x1F", 32, "0x20"), ("0X00FF", 256, "0X0100"), ("0x0a", 11, "0x0b"),
        ("1.5f", 2.25, "2.25f"), ("5u", 6, "6u"), ("1.", 2.5, "2.5"), ("1e-3", 2e-5, "2e-05"),
        ("10", 1234567.0, "1234567"),
        ("0.1", 0.10000000149, "0.1"), ("2.50", 2.5, "2.50"), ("-1", -2, "-2"), ("1.0", 1e9, "1000000000.0"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_the_file_has_its_numbers(token, number, new):
    assert in_style_of(token, number) == new
    assert number_of(new) == pytest.approx(number, rel=1e-6)


def test_the_format_is_told_by_the_ending():
    assert [format_of(f"a/iq{e}") for e in (".JSON", ".yml", ".xml", ".ini", ".h")] == [
        "json",
        "yaml",
        "xml",
        "ini",
        "regex",
    ]
    with pytest.raises(
        ConfigError, match="iq.bin: which format has it\\? Give format = json, yaml, xml, ini, regex"
    ):
        format_of("iq.bin")
