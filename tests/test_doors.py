"""All dangerous work goes through the doors of `opsin.io`: this test reads the syntax tree of every source file.

A ban may be lifted for one file, by a line in ALLOWED with a reason. A line that is not needed fails too.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "opsin"

# file or folder -> ban -> why this one may
ALLOWED: dict[str, dict[str, str]] = {
    "io/quiet.py": {"os.open": "the null device, for what decoders print"},
    "io/readdoor.py": {"os.open": "this is the read door"},
    "io/writing.py": {"os.open": "this is the write door", "os.replace": "this is the write door"},
    "io/formats/_pillow.py": {"save": "encodes into memory, the only place that does"},
    "io/video.py": {
        "open": "hands the demuxer a reader that goes through the read door",
        "open for writing": "hands the muxer the write door's private file",
    },
    "datasets/packed.py": {"marshal.loads": "unpacks rows that this process packed and never let out of its memory"},
    "surfaces/bench/folder.py": {"open": "reads its own files as a data set written by hand would"},
    "datasets/writer.py": {"np.save": "encodes into memory"},
    "run/lock.py": {"os.open": "the lock file carries no data"},
    "run/report/page.py": {"read_text": "a style sheet of the package itself"},
    "run/verify.py": {
        "read_text": "the job's own summary, which it compares with the journal",
        "open": "the digest of an output, without holding all of it",
    },
    "search/segment.py": {"np.memmap": "files that are written once, whole, and as long as their head says"},
    "surfaces/bench/": {
        "Image.open": "Pillow's own decoder is what is measured",
        "open for writing": "no file is written: this is Pillow's open with its argument",
    },
    "surfaces/gallery.py": {"read_text": "a style sheet and a script of the package itself"},
    "surfaces/cli/app.py": {"os.open": "the null device, for a reader that has gone"},
    "testing/": {
        "pickle": "the laws pickle what they made themselves",
        "pickle.loads": "the laws pickle what they made themselves",
    },
}

DOTTED = {
    "cv2.imread": "read door and decode door: opsin.io.read",
    "cv2.imwrite": "write door: opsin.io.write",
    "cv2.imreadmulti": "read door and decode door",
    "cv2.VideoCapture": "read door",
    "cv2.FileStorage": "parse door",
    "PIL.Image.open": "decode door: opsin.io.decode",
    "Image.open": "decode door: opsin.io.decode",
    "tifffile.imread": "decode door",
    "tifffile.imwrite": "write door",
    "tifffile.TiffFile": "decode door",
    "imageio.imread": "decode door",
    "skimage.io.imread": "decode door",
    "io.imread": "decode door",
    "plt.imread": "decode door",
    "np.load": "parse door: opsin.io.parse.parse_npy",
    "numpy.load": "parse door",
    "np.save": "write door",
    "np.savez": "write door",
    "np.savez_compressed": "write door",
    "np.fromfile": "read door",
    "np.memmap": "read door: a truncated mapped file kills the process",
    "np.loadtxt": "parse door",
    "np.genfromtxt": "parse door",
    "mmap.mmap": "read door: a truncated mapped file kills the process",
    "pickle.load": "load door",
    "pickle.loads": "load door",
    "pickle.Unpickler": "load door",
    "cloudpickle.load": "load door",
    "cloudpickle.loads": "load door",
    "dill.load": "load door",
    "dill.loads": "load door",
    "joblib.load": "load door",
    "marshal.load": "load door",
    "marshal.loads": "load door",
    "shelve.open": "load door",
    "torch.load": "load door",
    "torch.jit.load": "load door",
    "torch.hub.load": "load door",
    "torch.export.load": "load door",
    "yaml.load": "parse door: opsin.io.parse.parse_yaml",
    "yaml.safe_load": "parse door: opsin.io.parse.parse_yaml",
    "yaml.full_load": "parse door",
    "yaml.unsafe_load": "parse door",
    "json.load": "parse door: opsin.io.parse.parse_json",
    "tempfile.mktemp": "write door",
    "tempfile.NamedTemporaryFile": "write door",
    "os.system": "no shell",
    "os.popen": "no shell",
    "os.open": "read or write door",
    "os.replace": "write door",
    "os.rename": "write door",
    "shutil.copy": "read door and write door",
    "shutil.copy2": "read door and write door",
    "shutil.copyfile": "read door and write door",
    "shutil.copytree": "read door and write door",
    "shutil.move": "write door",
    "shutil.unpack_archive": "members are streamed, never extracted",
    "urllib.request.urlopen": "net door: opsin.io.read(..., network=True)",
    "urllib.request.urlretrieve": "net door",
    "requests.get": "net door",
    "httpx.get": "net door",
    "ET.parse": "parse door: opsin.io.parse.parse_xml",
    "ET.fromstring": "parse door",
    "ElementTree.parse": "parse door",
    "minidom.parse": "parse door",
    "csv.reader": "parse door: opsin.io.parse.parse_csv",
    "csv.DictReader": "parse door: opsin.io.parse.parse_csv",
    "time.time": "time is never an input: time.monotonic or perf_counter measure it",
    "datetime.now": "time is never an input",
    "datetime.utcnow": "time is never an input",
    "datetime.today": "time is never an input",
    "random.seed": "no global generator",
    "np.random.seed": "no global generator",
}
PARSERS = {  # each parser of the parse door uses the library that it guards
    "io/parse_csv.py": {"csv.reader"},
}
NAMES = {"eval": "no text becomes code", "exec": "no text becomes code", "__import__": "importlib.import_module"}
METHODS = {
    "extractall": "members are streamed, never extracted",
    "write_text": "write door: opsin.io.write_bytes",
    "write_bytes": "write door: opsin.io.write_bytes",
    "unpack_from_file": "read door",
}
PATHLIKE = {"write_bytes"}  # also the name of our own function: only banned as a method of something else
KEYWORDS = {
    ("allow_pickle", True): "arrays are read without pickle",
    ("weights_only", False): "models are read without pickle",
    ("trust_remote_code", True): "no code from outside",
    ("shell", True): "no shell",
}
GLOBALS = {
    "LOAD_TRUNCATED_IMAGES": "Pillow's process-wide settings are not ours",
    "MAX_IMAGE_PIXELS": "Pillow's process-wide settings are not ours",
}
IMPORTS = {
    "pickle": "load door",
    "cloudpickle": "load door",
    "dill": "load door",
    "shelve": "load door",
    "xml.etree": "parse door: opsin.io.parse.parse_xml",
    "xml.dom": "parse door",
    "xml.sax": "parse door",
    "PIL.ImageMath": "evaluates text",
    "PIL.ImageShow": "starts programs",
    "PIL.ImageGrab": "reads the screen",
}


def dotted(node: ast.AST) -> str:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name):
        parts.append(node.id)
    return ".".join(reversed(parts))


def writing_mode(call: ast.Call, position: int) -> bool:
    """Say whether an `open` call may write: only a literal that plainly reads is let through."""
    mode = next((k.value for k in call.keywords if k.arg == "mode"), None)
    if mode is None and len(call.args) > position:
        mode = call.args[position]
    if mode is None:
        return False
    return not (isinstance(mode, ast.Constant) and isinstance(mode.value, str) and not set(mode.value) & set("wax+"))


def findings(text: str, name: str) -> Iterator[tuple[int, str, str]]:
    """Find line, ban and reason of everything that is banned."""
    for node in ast.walk(ast.parse(text)):
        line = getattr(node, "lineno", 0)
        if isinstance(node, (ast.Attribute, ast.Name)):
            path = dotted(node)
            for banned, reason in DOTTED.items():
                if path == banned or path.endswith("." + banned):
                    if banned in PARSERS.get(name, ()):
                        continue
                    yield line, banned, reason
            if path.rpartition(".")[2] in GLOBALS:
                yield line, path.rpartition(".")[2], GLOBALS[path.rpartition(".")[2]]
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None) or ""
            names = [f"{module}.{alias.name}".strip(".") for alias in node.names]
            for path in names:
                if path.startswith("xml.sax.saxutils."):  # escapes text, reads nothing
                    continue
                for banned, reason in {**IMPORTS, **DOTTED}.items():
                    if path == banned or (banned in IMPORTS and path.startswith(banned + ".")):
                        yield line, banned, reason
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name):
            if function.id in NAMES:
                yield line, function.id, NAMES[function.id]
            if function.id == "open" and writing_mode(node, 1):
                yield line, "open for writing", "write door: opsin.io.write_bytes or opsin.io.atomic"
            if function.id == "open" and not writing_mode(node, 1):
                yield line, "open", "read door: opsin.io.read_bytes"
        if isinstance(function, ast.Attribute):
            if function.attr in METHODS and not (function.attr in PATHLIKE and dotted(function.value).endswith("io")):
                yield line, function.attr, METHODS[function.attr]
            if function.attr == "open" and dotted(function.value) not in ("os", "opener", "webbrowser"):
                writes = writing_mode(node, 0)
                yield line, "open for writing" if writes else "open", "read or write door"
            if function.attr in ("read_text", "read_bytes") and not dotted(function.value).endswith("io"):
                yield line, function.attr, "read door: opsin.io.read_bytes"
            if function.attr == "save" and "Image" in dotted(function.value) + ast.unparse(function.value):
                yield line, "save", "write door"
        for keyword in node.keywords:
            if isinstance(keyword.value, ast.Constant) and (keyword.arg, keyword.value.value) in KEYWORDS:
                yield line, str(keyword.arg), KEYWORDS[(str(keyword.arg), keyword.value.value)]


FILES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@pytest.mark.parametrize("name", FILES)
def test_no_other_way_in_or_out(name: str) -> None:
    allowed = {ban for place, bans in ALLOWED.items() if name == place or is_in(name, place) for ban in bans}
    found = set(findings((SOURCE / name).read_text(encoding="utf-8"), name))
    wrong = sorted(f"src/opsin/{name}:{line}: {ban} ({reason})" for line, ban, reason in found if ban not in allowed)
    assert not wrong, "\n".join(wrong)


def is_in(name: str, folder: str) -> bool:
    return folder.endswith("/") and name.startswith(folder)


def test_every_permission_is_needed() -> None:
    for place, bans in ALLOWED.items():
        files = [name for name in FILES if name == place or is_in(name, place)]
        texts = [(name, (SOURCE / name).read_text(encoding="utf-8")) for name in files]
        used = {ban for name, text in texts for _, ban, _ in findings(text, name)}
        assert set(bans) <= used, f"{place} no longer needs {sorted(set(bans) - used)}"


@pytest.mark.parametrize(
    ("text", "ban"),
    [
        ("import cv2\ncv2.imread('a')", "cv2.imread"),
        ("from cv2 import imread", "cv2.imread"),
        ("import PIL.Image\nPIL.Image.open('a')", "Image.open"),
        ("from PIL import Image\nImage.open('a')", "Image.open"),
        ("from PIL import ImageFile\nImageFile.LOAD_TRUNCATED_IMAGES = True", "LOAD_TRUNCATED_IMAGES"),
        ("Image.MAX_IMAGE_PIXELS = None", "MAX_IMAGE_PIXELS"),
        ("import pickle", "pickle"),
        ("from pickle import loads", "pickle"),
        ("import numpy as np\nnp.load('a', allow_pickle=True)", "allow_pickle"),
        ("torch.load('a', weights_only=False)", "weights_only"),
        ("f('a', trust_remote_code=True)", "trust_remote_code"),
        ("subprocess.run('a', shell=True)", "shell"),
        ("yaml.load(text, Loader=x)", "yaml.load"),
        ("archive.extractall('.')", "extractall"),
        ("eval('1')", "eval"),
        ("exec('1')", "exec"),
        ("open('a', 'w')", "open for writing"),
        ("open('a', mode='ab')", "open for writing"),
        ("open('a', mode)", "open for writing"),
        ("open('a')", "open"),
        ("Path('a').open('wb')", "open for writing"),
        ("path.write_text('a')", "write_text"),
        ("path.write_bytes(b'a')", "write_bytes"),
        ("path.read_text()", "read_text"),
        ("import time\ntime.time()", "time.time"),
        ("tempfile.mktemp()", "tempfile.mktemp"),
        ("Image.fromarray(a).save('x.png')", "save"),
        ("import xml.etree.ElementTree as ET", "xml.etree"),
        ("urllib.request.urlopen(x)", "urllib.request.urlopen"),
    ],
)
def test_the_test_sees(text: str, ban: str) -> None:
    assert ban in {found for _, found, _ in findings(text, "x.py")}


@pytest.mark.parametrize(
    "text",
    [
        "from opsin import io\nio.write_bytes('a', b'x')",
        "io.read_bytes('a')",
        "opened = door.opener",
        "time.monotonic()",
    ],
)
def test_the_test_lets_pass(text: str) -> None:
    assert not list(findings(text, "x.py"))
