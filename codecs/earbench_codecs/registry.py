"""All codecs by name: the built-in ones, checkpoints, entry points, and command-line codecs in TOML files.

A codec's module is imported when it is asked for. A codec that cannot be loaded is listed as not
available, with the reason, and hurts no other.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_codecs.base import Codec, CodecInfo, Kind
from earbench_codecs.errors import CheckpointError, CodecUnavailableError, PluginError, UnknownCodecError

if TYPE_CHECKING:
    from collections.abc import Iterator

Factory = Callable[[], Codec]
ENTRY_POINT_GROUP = "earbench.codecs"
PLUGINS_VARIABLE = "EARBENCH_PLUGINS"
"""Folders of TOML codecs, separated as in PATH, beside the user's own."""

_REFERENCE = "earbench_codecs.reference"
BUILT_IN: Mapping[str, tuple[str, Kind]] = {
    "mp3": (f"{_REFERENCE}.mp3:Mp3", "reference"),
    "opus": (f"{_REFERENCE}.opus:Opus", "reference"),
    "aac": (f"{_REFERENCE}.aac:Aac", "reference"),
    "vorbis": (f"{_REFERENCE}.vorbis:Vorbis", "reference"),
    "amr-wb": (f"{_REFERENCE}.amr_wb:AmrWb", "reference"),
    "anchor35": (f"{_REFERENCE}.anchors:anchor35", "anchor"),
    "anchor70": (f"{_REFERENCE}.anchors:anchor70", "anchor"),
}
"""Name → where its factory is, and its kind: known without importing anything."""


class Registry:
    """Codecs by name, in the order they were registered."""

    def __init__(self) -> None:
        self._factories: dict[str, tuple[Factory, Kind]] = {}
        self._loaded: dict[str, Codec] = {}
        self._checkpoints: dict[str, Path] = {}
        self._untrained: set[str] = set()

    def register(self, name: str, factory: Factory, kind: Kind = "plugin") -> None:
        """Add a codec; it is made when first asked for.

        Raises
        ------
        PluginError
            The name is taken.
        """
        if name in self._factories:
            raise PluginError(f"a codec named {name!r} exists already; give this one another name")
        self._factories[name] = (factory, kind)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all codecs, whether they load or not."""
        return tuple(self._factories)

    @property
    def checkpoints(self) -> Mapping[str, Path]:
        """The files of the codecs that are checkpoints, by name, whether they load or not."""
        return dict(self._checkpoints)

    def codec(self, name: str) -> Codec:
        """Return the codec of that name, the same object each time.

        Raises
        ------
        UnknownCodecError
            There is none.
        PluginError
            It cannot be loaded.
        """
        if name not in self._factories:
            raise UnknownCodecError(name, self.names)
        if name not in self._loaded:
            self._loaded[name] = _loaded(name, self._factories[name][0])
        return self._loaded[name]

    def info(self, name: str) -> CodecInfo:
        """Return what the codec says of itself, or why it cannot be loaded.

        Raises
        ------
        UnknownCodecError
            There is none of that name.
        """
        try:
            return self.codec(name).info
        except PluginError as error:
            kind = self._factories[name][1]
            return CodecInfo(name, name, kind, version="", available=False, reason=str(error))

    def codecs(self) -> list[CodecInfo]:
        """Return what each codec says of itself."""
        return [self.info(name) for name in self.names]

    def add_built_in(self) -> None:
        """Register the codecs of this package."""
        for name, (target, kind) in BUILT_IN.items():
            self.register(name, _importer(target), kind)

    def add_neural(self) -> None:
        """Register the checkpoints there are, and the papers' networks that none of them is called after."""
        from earbench_codecs.neural import checkpoint_info, codec

        own = checkpoint_info.own_folder()
        # Of two with the same name the first keeps it: what comes with the program, then the older file
        for path in sorted(checkpoint_info.checkpoint_files(), key=lambda path: _age(path, own)):
            self.add_checkpoint(path)
        for name in codec.ARCHITECTURES:
            if name not in self._factories:
                self.register(name, partial(codec.UntrainedCodec, name), "neural")
                self._untrained.add(name)

    def refresh_checkpoints(self) -> None:
        """Look at the folders of checkpoints again, as after one was added or removed."""
        for name in (*self._checkpoints, *self._untrained):
            self._factories.pop(name, None)
            self._loaded.pop(name, None)
        self._checkpoints.clear()
        self._untrained.clear()
        self.add_neural()

    def add_checkpoint(self, path: Path) -> str:
        """Register a checkpoint and return its name; one with another's name gets some of its hash as well.

        A file that is none is registered as not available, with the reason.
        """
        from earbench_codecs.neural.codec import ARCHITECTURES, NeuralCodec

        name = self._checkpoint_name(path)
        if name not in self._checkpoints:
            if name in ARCHITECTURES:  # it takes the place of the network without parameters
                self._factories.pop(name, None)
                self._loaded.pop(name, None)
                self._untrained.discard(name)
            self.register(name, partial(NeuralCodec.from_file, path, name), "neural")
            self._checkpoints[name] = path
        return name

    def _checkpoint_name(self, path: Path) -> str:
        from earbench_codecs.neural.checkpoint_info import file_sha256, read_info
        from earbench_codecs.neural.codec import ARCHITECTURES

        try:
            name, sha256 = read_info(path).name, file_sha256(path)
        except CheckpointError:
            return f"{path.stem} ({path})" if path.stem in self._factories else path.stem
        there = self._checkpoints.get(name)
        if there is not None and file_sha256(there) == sha256:
            return name
        is_free = name not in self._factories or (there is None and name in ARCHITECTURES)
        return name if is_free else f"{name}-{sha256[:8]}"

    def decoder(self, codec: str, checkpoint_sha256: str | None) -> Codec:
        """Return the codec that decodes what `codec` made with a checkpoint, whatever it is called here.

        Raises
        ------
        UnknownCodecError
            Neither the checkpoint nor a codec of that name is there.
        PluginError
            It cannot be loaded.
        """
        if checkpoint_sha256 is not None:
            for name in self._checkpoints:
                if self.info(name).sha256 == checkpoint_sha256:
                    return self.codec(name)
        return self.codec(codec)

    def add_plugins(self) -> None:
        """Register entry points and TOML codecs; one that clashes or is broken is listed with its reason."""
        for name, origin, factory in (*_entry_points(), *_toml_codecs()):
            if name in self._factories:
                self._add_clash(name, origin)
            else:
                self.register(name, factory)

    def _add_clash(self, name: str, origin: str) -> None:
        def refuse() -> Codec:
            raise PluginError(f"a codec named {name!r} exists already; rename the one in {origin}")

        self.register(f"{name} ({origin})", refuse)


@cache
def default_registry() -> Registry:
    """Return the program's registry: built-in codecs, checkpoints and plug-ins, found once."""
    registry = Registry()
    registry.add_built_in()
    registry.add_neural()
    registry.add_plugins()
    return registry


def codec(name: str) -> Codec:
    """Return the codec of that name; see `Registry.codec`."""
    return default_registry().codec(name)


def codecs() -> list[CodecInfo]:
    """Return what each codec says of itself; see `Registry.codecs`."""
    return default_registry().codecs()


def register(name: str, factory: Factory, kind: Kind = "plugin") -> None:
    """Add a codec to the program's registry; see `Registry.register`."""
    default_registry().register(name, factory, kind)


def decoder(codec: str, checkpoint_sha256: str | None) -> Codec:
    """Return the codec that decodes what a codec made; see `Registry.decoder`."""
    return default_registry().decoder(codec, checkpoint_sha256)


def codec_of(name: str, checkpoint_sha256: str | None) -> Codec:
    """Return the codec of that name; of a checkpoint, the one with this hash, whatever it is called now.

    One that is not known is looked for again: another process may have added it.

    Raises
    ------
    UnknownCodecError
        There is none of that name.
    CodecUnavailableError
        Its checkpoint is not there.
    PluginError
        It cannot be loaded.
    """
    if checkpoint_sha256 is None:
        return codec(name)
    for look_again in (False, True):
        if look_again:
            default_registry().refresh_checkpoints()
        try:
            found = decoder(name, checkpoint_sha256)
        except (UnknownCodecError, PluginError):
            continue
        if found.info.sha256 == checkpoint_sha256:
            return found
    reason = f"its checkpoint {checkpoint_sha256[:8]} is no longer there; add it again"
    raise CodecUnavailableError(name, reason)


def install_checkpoint(path: Path) -> str:
    """Copy a checkpoint to the user's folder of them, add it to the program's registry, return its name.

    Raises
    ------
    CheckpointError
        It is none, or the folder cannot be written.
    """
    from earbench_codecs.neural.checkpoint_info import install

    return default_registry().add_checkpoint(install(path))


def plugin_folders() -> list[Path]:
    """Folders searched for TOML codecs: the user's own, then those of EARBENCH_PLUGINS.

    The user's is `$EARBENCH_HOME/config/codecs` where that is set.
    """
    from platformdirs import user_config_path

    from earbench_codecs.neural.checkpoint_info import HOME_VARIABLE

    home = os.environ.get(HOME_VARIABLE)
    own = Path(home) / "config" if home else user_config_path("earbench", appauthor=False)
    listed = os.environ.get(PLUGINS_VARIABLE, "").split(os.pathsep)
    return [own / "codecs", *(Path(p) for p in listed if p)]


def _age(path: Path, own_folder: Path) -> tuple[bool, int]:
    """Sort key: the program's own checkpoints first, then the user's as they were added."""
    try:
        return path.parent == own_folder, path.stat().st_mtime_ns
    except OSError:  # it has just been removed
        return True, 0


def _loaded(name: str, factory: Factory) -> Codec:
    """Make a codec. Whatever a plug-in throws is turned into an error that names it."""
    try:
        made = factory()
        info = made.info
    except PluginError:
        raise
    except Exception as error:
        raise PluginError(f"codec {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    if info.name != name:
        raise PluginError(f"codec {name!r} calls itself {info.name!r}; make the two names equal")
    return made


def _importer(target: str) -> Factory:
    module, _, attribute = target.partition(":")

    def make() -> Codec:
        factory: Factory = getattr(import_module(module), attribute)
        return factory()

    return make


def _entry_points() -> Iterator[tuple[str, str, Factory]]:
    for point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):

        def make(load: Callable[[], Factory] = point.load) -> Codec:
            return load()()

        yield point.name, f"entry point {point.value}", make


def _toml_codecs() -> Iterator[tuple[str, str, Factory]]:
    for folder in plugin_folders():
        for path in sorted(folder.glob("*.toml")):

            def make(path: Path = path) -> Codec:
                from earbench_codecs.reference.command import load_command_codec

                return load_command_codec(path)

            yield _toml_name(path), str(path), make


def _toml_name(path: Path) -> str:
    """Return the codec's name, or the file's where the file is broken: loading it will say how."""
    try:
        name = tomllib.loads(path.read_text("utf-8")).get("name")
    except (OSError, ValueError):
        name = None
    return name if isinstance(name, str) else path.stem
