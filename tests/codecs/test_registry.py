"""Looking codecs up: built in, entry points, TOML; a broken one hurts no other."""

import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from earbench_codecs import registry as registry_module
from earbench_codecs.base import Codec, CodecInfo
from earbench_codecs.clip import AudioClip
from earbench_codecs.errors import PluginError, UnknownCodecError
from earbench_codecs.registry import BUILT_IN, Registry, plugin_folders


class Copy(Codec):
    """A codec whose bytes are its samples."""

    def __init__(self, name="copy"):
        self._name = name

    @property
    def info(self):
        return CodecInfo(self._name, "Copy", "plugin", "1")

    def _encode(self, clip, setting):
        return [clip.samples.tobytes()]

    def _decode(self, segments, setting, sample_rate_hz, shape):
        return AudioClip(np.frombuffer(segments[0], np.float32).reshape(shape), sample_rate_hz)


def broken():
    raise RuntimeError("no such model")


@pytest.fixture
def entry_points_are(monkeypatch):
    """Make the installed entry points be these."""

    def put(*points):
        found = [EntryPoint(name, value, "earbench.codecs") for name, value in points]
        monkeypatch.setattr(
            registry_module, "entry_points", lambda group: [p for p in found if p.group == group]
        )

    put()
    return put


@pytest.fixture
def plugins(tmp_path, monkeypatch, entry_points_are):
    """A folder of TOML codecs, and no other plug-ins."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("EARBENCH_PLUGINS", str(tmp_path))
    return tmp_path


def discovered():
    registry = Registry()
    registry.add_built_in()
    registry.add_plugins()
    return registry


def toml(name):
    copy = '["cp", "{input}", "{output}"]'
    return f'name = "{name}"\ntitle = "T"\nversion = "1"\nencode = {copy}\ndecode = {copy}\n'


def test_importing_the_registry_loads_no_codec():
    code = (
        "import sys, earbench_codecs.registry as r; r.default_registry().names;"
        "print([m for m in ('av', 'torch', 'scipy', 'soundfile') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def test_listing_the_built_in_codecs_loads_no_torch():
    code = (
        "import sys, earbench_codecs.registry as r; x = r.Registry(); x.add_built_in();"
        "print([i.name for i in x.codecs()], 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out == f"{list(BUILT_IN)} False\n"


def test_built_in_codecs_are_of_the_kind_told_without_loading():
    registry = Registry()
    registry.add_built_in()
    for info in registry.codecs():
        assert info.kind == BUILT_IN[info.name][1]
        assert info.version or not info.available


def test_the_same_codec_each_time_made_when_asked():
    made = []
    registry = Registry()
    registry.register("copy", lambda: made.append(1) or Copy())
    assert made == []
    assert registry.codec("copy") is registry.codec("copy")
    assert made == [1]


def test_an_unknown_name_lists_the_names():
    registry = Registry()
    registry.register("copy", Copy)
    with pytest.raises(UnknownCodecError, match=r"kopy.; did you mean copy.* There are: copy"):
        registry.codec("kopy")


def test_a_name_is_given_once():
    registry = Registry()
    registry.register("copy", Copy)
    with pytest.raises(PluginError, match="exists already"):
        registry.register("copy", Copy)


def test_a_broken_codec_is_listed_with_its_reason_and_hurts_no_other():
    registry = Registry()
    registry.register("bad", broken)
    registry.register("copy", Copy)
    bad, good = registry.codecs()
    assert (bad.name, bad.available) == ("bad", False)
    assert "RuntimeError: no such model" in bad.reason
    assert good.available
    with pytest.raises(PluginError, match="no such model"):
        registry.codec("bad")


def test_a_codec_that_calls_itself_otherwise_is_refused():
    registry = Registry()
    registry.register("copied", Copy)
    assert "calls itself 'copy'" in registry.codecs()[0].reason


def test_entry_points_and_toml_files_are_found(plugins, entry_points_are):
    entry_points_are(
        ("anchor35copy", "earbench_codecs.reference.anchors:anchor35"), ("gone", "no_such_module:make")
    )
    (plugins / "mine.toml").write_text(toml("mine"))
    (plugins / "typo.toml").write_text(toml("typo") + 'colour="blue"\n')
    (plugins / "cut.toml").write_text('name="cut')
    by_name = {info.name: info for info in discovered().codecs()}
    assert list(by_name)[: len(BUILT_IN)] == list(BUILT_IN)
    assert by_name["mine"].available
    assert by_name["mine"].kind == "plugin"
    assert "calls itself 'anchor35'" in by_name["anchor35copy"].reason
    assert "No module named 'no_such_module'" in by_name["gone"].reason
    assert "typo.toml: colour" in by_name["typo"].reason
    assert "cut.toml" in by_name["cut"].reason
    assert by_name["anchor35"].available


def test_a_plugin_cannot_take_a_built_in_name(plugins):
    (plugins / "x.toml").write_text(toml("anchor35"))
    registry = discovered()
    assert registry.info("anchor35").kind == "anchor"
    clash = registry.codecs()[-1]
    assert not clash.available
    assert "rename the one in" in clash.reason
    assert "x.toml" in clash.reason


def test_plugin_folders_are_the_users_and_those_of_the_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("EARBENCH_HOME", raising=False)
    monkeypatch.setenv("EARBENCH_PLUGINS", "/one:/two")
    assert list(map(str, plugin_folders())) == [str(tmp_path / "earbench" / "codecs"), "/one", "/two"]
    monkeypatch.setenv("EARBENCH_HOME", "/home-of-mine")
    assert list(map(str, plugin_folders())) == ["/home-of-mine/config/codecs", "/one", "/two"]
